//! The dependency graph of the recipes: what has to be built, in which order.

use std::collections::{BTreeMap, BTreeSet};

use super::recipes::Recipes;
use crate::error::Result;

/// The artifacts that must be made for `name`, dependencies first; nothing below one that is `there`.
pub fn missing(
    recipes: &Recipes,
    name: &str,
    there: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    visit(recipes, name, there, &mut seen, &mut order)?;
    Ok(order)
}

fn visit(
    recipes: &Recipes,
    name: &str,
    there: &mut dyn FnMut(&str) -> Result<bool>,
    seen: &mut BTreeSet<String>,
    order: &mut Vec<String>,
) -> Result<()> {
    let recipe = recipes.get(name)?;
    if !seen.insert(name.to_owned()) || there(name)? {
        return Ok(());
    }
    for used in recipe.kind.uses() {
        visit(recipes, used, there, seen, order)?;
    }
    order.push(name.to_owned());
    Ok(())
}

/// The longest distance of each artifact from the end of `order`: what is far from it is begun first.
pub fn heights(recipes: &Recipes, order: &[String]) -> BTreeMap<String, usize> {
    let mut heights: BTreeMap<String, usize> = order.iter().map(|name| (name.clone(), 0)).collect();
    for name in order.iter().rev() {
        let height = heights.get(name).copied().unwrap_or_default() + 1;
        for used in recipes.get(name).map(|recipe| recipe.kind.uses()).unwrap_or_default() {
            if let Some(below) = heights.get_mut(used) {
                *below = height.max(*below);
            }
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{Kind, Layers, Recipe};
    use super::*;

    fn recipe(name: &str, uses: &[&str]) -> Recipe {
        let files = uses.iter().map(|used| ((*used).to_owned(), (*used).to_owned())).collect();
        let layers = Layers {
            tag: format!("{name}:1"),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            user: String::new(),
            env: BTreeMap::new(),
            files,
            texts: BTreeMap::new(),
            ca_certificates: false,
        };
        Recipe { name: name.to_owned(), version: "1".to_owned(), minutes: None, kind: Kind::Layers(layers) }
    }

    fn recipes() -> Recipes {
        Recipes::of([
            recipe("node", &["proxy", "etcd"]),
            recipe("proxy", &["base", "programs"]),
            recipe("base", &["rootfs"]),
            recipe("rootfs", &[]),
            recipe("programs", &[]),
            recipe("etcd", &[]),
            recipe("other", &[]),
        ])
    }

    #[test]
    fn what_an_artifact_rests_on_comes_first() {
        let order = missing(&recipes(), "node", &mut |_| Ok(false)).unwrap();
        assert_eq!(order, ["etcd", "rootfs", "base", "programs", "proxy", "node"]);
    }

    #[test]
    fn nothing_below_a_finished_artifact_is_made() {
        let order = missing(&recipes(), "node", &mut |name| Ok(name == "base")).unwrap();
        assert_eq!(order, ["etcd", "programs", "proxy", "node"]);
        assert!(missing(&recipes(), "node", &mut |name| Ok(name == "node")).unwrap().is_empty());
    }

    #[test]
    fn the_longest_chain_is_begun_first() {
        let order = missing(&recipes(), "node", &mut |_| Ok(false)).unwrap();
        let heights = heights(&recipes(), &order);
        let of = |name: &str| heights[name];
        assert_eq!((of("rootfs"), of("programs"), of("etcd"), of("node")), (3, 2, 1, 0));
    }
}
