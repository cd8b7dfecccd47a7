//! Recipes: read, checked, refused.

use super::*;

#[test]
fn every_recipe_of_ours_is_sound() {
    let data = Data::default();
    let recipes = Recipes::load(&data, &Versions::load(&data).unwrap()).unwrap();
    let versions = Versions::load(&data).unwrap();
    for recipe in recipes.iter() {
        assert!(!recipe.version.is_empty(), "{} has no version", recipe.name);
        // What is downloaded as kubectl may be of another patch release than the cluster.
        if let (Kind::Go(_), Ok(version)) = (&recipe.kind, versions.get(&recipe.name))
            && recipe.name != "kubectl"
        {
            assert_eq!(recipe.version, version, "versions.toml and go.mod differ for {}", recipe.name);
        }
        if let Some(tag) = recipe.kind.tag() {
            assert!(tag.starts_with("localhost/todo-bootstrap/"), "{tag} is not a name of ours");
        }
    }
}

/// Whether the error about the recipes has all of these parts.
#[track_caller]
fn names(bench: &Bench, problems: &[&str]) {
    let text = bench.source().err().unwrap().to_string();
    for problem in problems {
        assert!(text.contains(problem), "{problem} is not in:\n{text}");
    }
}

#[test]
fn problems_of_all_recipes_are_reported_together() {
    let bench = Bench::new();
    bench.recipe("t-a", "kind = \"go\"\nmodul = \"m\"\n[outputs]\n\"a/b\" = \"x\"\n");
    bench.recipe("t-b", "kind = \"gone\"\n");
    bench.recipe("t-layers", "kind = \"layers\"\ntag = \"t:{nothing}\"\n[files]\n\"../t\" = \"t-a/t-a\"\n");
    let texts = "[files]\n\"b\" = \"t-a/t-a\"\n[texts]\n\"b\" = \"\"\n\"/c\" = \"\"\n";
    bench.recipe("t-texts", &format!("kind = \"layers\"\ntag = \"t:1\"\n{texts}"));
    bench.recipe("t-image", "tag = 3\n");
    names(
        &bench,
        &[
            "t-a.toml:2: unknown key `modul` (did you mean `module`?)",
            "`module` is missing",
            "\"a/b\", which is not a file name",
            "t-b.toml:1: `kind` is \"gone\"",
            "t-layers.toml:2: `tag` refers to `{nothing}`, which is not in versions.toml",
            "\"../t\", which is not a relative path",
            "`texts` has \"b\", which is in `files` as well",
            "`texts` has \"/c\", which is not a relative path",
            "t-image.toml: `kind` is missing",
        ],
    );
}

#[test]
fn recipes_that_do_not_fit_each_other_are_named() {
    let bench = Bench::new();
    bench.recipe("t-a", &GO_A.replace("t-mod", "t-none"));
    bench.recipe("t-layers", &LAYERS.replace("t-b/t-b", "t-b/t-c"));
    bench.recipe("t-image", &IMAGE.replace("\"t-layers\"", "\"t-b\"").replace("images/t", "images/none"));
    names(
        &bench,
        &[
            "t-a.toml: offline/go/t-none/go.mod is missing",
            "t-layers.toml: `t-b` has no output `t-c`",
            "t-image.toml: `t-b` is not an image",
            "t-image.toml: `t-b` has no output `image.tar`",
            "t-image.toml: offline/images/none/Dockerfile is missing",
        ],
    );
    let bench = Bench::new();
    bench.recipe("t-layers", &LAYERS.replace("t-b/t-b", "t-image"));
    names(&bench, &["dependency cycle: t-image → t-layers → t-image"]);
}

#[test]
fn what_cannot_be_made_here_is_refused_with_the_reason() {
    let bench = Bench::new();
    bench.recipe("t-root", "kind = \"rootfs\"\nsuite = \"{debian}\"\nvariant = \"minbase\"\n");
    let source = bench.source().unwrap();
    assert_eq!(source.refusal("t-image"), None);
    assert!(source.refusal("t-none").unwrap().contains("there is no recipe `t-none`"));
    assert!(source.refusal("t-root").unwrap().contains("requires root"));
    bench.write("go/VERSION", "go1.19");
    let source = bench.source().unwrap();
    assert!(source.refusal("t-image").unwrap().contains("Go 1.26.4 or newer is needed"));
    let error = bench.make(&Maker::default(), "t-image").0.unwrap_err();
    assert_eq!(error.exit(), crate::error::Exit::HostNotReady);
}
