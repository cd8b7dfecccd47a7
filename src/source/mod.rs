//! Artifacts made from package registries only, by the recipes in offline/.
