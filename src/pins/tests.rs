//! The pins of the program: supported, confirmed by two sources, and of the versions that recipes build.

use jiff::civil::date;

use super::*;
use crate::config::Versions;
use crate::data::Data;

/// Keys of versions.toml that repeat a part of another one.
const PARTS: [&str; 1] = ["kubernetes-minor"];

const SUPPORT: &str = r#"reviewed = "2026-11-29"
[products.thing]
title = "Thing"
versions = ["thing"]
source = "s"
[products.thing.lines]
3 = { open = "nobody says" }
"3.1" = { ends = "2027-02-28", source = "own" }
"#;

const DIGEST: &str = "sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0";

/// What the program itself pins.
fn ours() -> (Support, Versions, Images) {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    let images = Images::load(&data, &versions).unwrap();
    (Support::load(&data).unwrap(), versions, images)
}

fn versions(text: &str) -> Versions {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("versions.toml"), format!("[versions]\n{text}\n")).unwrap();
    Versions::load(&Data::new(Some(dir.path().to_owned()))).unwrap()
}

fn images(text: &str, versions_toml: &str) -> crate::error::Result<Images> {
    let support = Support::parse("support.toml", SUPPORT).unwrap();
    Images::parse("images.toml", text, &support, &versions(versions_toml))
}

fn thing(version: &str, more: &str) -> String {
    format!(
        "[thing]\nimage = \"docker.io/library/thing:v{version}-slim\"\ndigest = \"{DIGEST}\"\n\
         version = \"{version}\"\nproduct = \"thing\"\nsources = [\"a\", \"b\"]\n{more}"
    )
}

#[test]
fn no_pin_is_of_a_line_that_had_ended_when_it_was_reviewed() {
    let (support, versions, images) = ours();
    let past: Vec<String> = due(&support, &versions, &images, support.reviewed)
        .iter()
        .filter(|due| due.is_past())
        .map(Due::to_string)
        .collect();
    assert!(past.is_empty(), "{}", past.join("\n"));
}

#[test]
fn of_every_version_it_is_known_until_when_it_is_supported() {
    let (support, versions, _) = ours();
    let mut wrong = Vec::new();
    for (key, version) in versions.iter().filter(|(key, _)| !PARTS.contains(key)) {
        let product = support.products.iter().find(|(_, product)| product.keys.iter().any(|k| k == key));
        match product {
            None => wrong.push(format!("no product in support.toml has `{key}` among its `versions`")),
            Some((name, _)) if support.line(name, version).is_none() => {
                wrong.push(format!("support.toml has no line of {name} for {key} = \"{version}\""));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn two_sources_agree_on_each_digest_and_its_tag_names_its_version() {
    let images = ours().2;
    assert!(images.iter().count() > 5);
    for image in images.iter() {
        assert_eq!(image.doubt(), None, "{}", image.name);
        assert!(image.tag.trim_start_matches('v').starts_with(&image.version), "{}", image.reference());
    }
}

#[test]
fn what_recipes_make_is_of_the_line_that_is_published_or_it_is_said_why_not() {
    let (data, images) = (Data::default(), ours().2);
    for image in images.iter() {
        let (name, source) = (&image.name, &image.source_version);
        let recipe = data.read(&format!("offline/recipes/image-{name}.toml")).unwrap();
        assert!(recipe.is_none() || source.is_some(), "{name} has a recipe: of which version?");
        let agrees = image.agrees();
        assert_eq!(agrees, image.version_differs.is_none(), "{name}: {} and {source:?}", image.version);
        let same = source.as_ref().is_none_or(|source| *source == image.version);
        assert!(same || image.difference().is_some(), "{name}: what differs in {source:?}?");
    }
}

#[test]
fn an_image_has_its_parts_and_its_registry() {
    let text = thing("3.1.4", "differs = \"it is smaller\"\n");
    let images = images(&text, "thing = \"3.1\"").unwrap();
    let image = images.get("thing").unwrap();
    assert_eq!(images.reference("thing"), Some(&*format!("docker.io/library/thing:v3.1.4-slim@{DIGEST}")));
    let parts = [&image.registry, &image.repository, &image.tag, &image.digest];
    assert_eq!(parts, ["docker.io", "library/thing", "v3.1.4-slim", DIGEST]);
    assert_eq!(image.host(), "registry-1.docker.io");
    assert_eq!(image.api(), "https://registry-1.docker.io/v2/library/thing");
    assert_eq!((image.support.title.as_str(), image.support.source.as_str()), ("Thing 3.1", "own"));
    assert_eq!(image.support.end, End::On(date(2027, 2, 28)));
    assert_eq!(image.difference().unwrap(), "from source: it is smaller");
    let own = thing("3.1.4", "").replace("docker.io/library", "127.0.0.1:5001/mine");
    let own = self::images(&own, "").unwrap();
    assert_eq!(own.get("thing").unwrap().api(), "http://127.0.0.1:5001/v2/mine/thing");
    assert_eq!(own.get("thing").unwrap().source_version, None);
}

#[test]
fn another_line_from_source_is_told_with_its_reason() {
    let text = thing("3.1.4", "version-differs = \"3.1 does not build\"\ndiffers = \"smaller\"\n");
    let images = images(&text, "thing = \"3.0.9\"").unwrap();
    let image = images.get("thing").unwrap();
    assert!(!image.agrees());
    let told = image.difference().unwrap();
    assert_eq!(told, "from source: version 3.0.9: 3.1 does not build; smaller");
    // What stands in for another line is told there, and not among what loses support.
    let text = thing("3.2", "version-differs = \"3.2 does not build\"\n");
    let (support, versions) = (Support::parse("s", SUPPORT).unwrap(), versions("thing = \"3.1.2\""));
    let images = Images::parse("images.toml", &text, &support, &versions).unwrap();
    let told = images.get("thing").unwrap().difference().unwrap();
    assert_eq!(told, "from source: version 3.1.2, supported until 2027-02-28: 3.2 does not build");
    assert!(due(&support, &versions, &images, date(2028, 1, 1)).is_empty());
    // 3.10 is no 3.1.
    let other = self::images(&thing("3.1.4", ""), "thing = \"3.10\"").unwrap();
    assert!(!other.get("thing").unwrap().agrees());
}

#[test]
fn all_problems_of_the_images_are_named() {
    let text = format!(
        "[a]\nimage = \"busybox\"\ndigest = \"{DIGEST}0\"\nversion = \"1\"\nproduct = \"none\"\n\
         sources = [\"a\", \"a\"]\nsource-version = \"none\"\nsize = 1\n{}",
        thing("2.9", "").replace("[thing]", "[b]")
    );
    let error = images(&text, "").unwrap_err();
    let expected = [
        "images.toml:2: `a.image` is \"busybox\", but must be REGISTRY/REPOSITORY:TAG (docker.io/library/busybox:1)",
        "images.toml:3: `a.digest` must be sha256: and 64 lower-case hex digits",
        "images.toml:5: `a.product` is \"none\", which is not in support.toml",
        "images.toml:6: `a.sources` lists \"a\" twice: that is one source",
        "images.toml:7: `a.source-version` is \"none\", a key that versions.toml does not have",
        "images.toml:8: unknown key `a.size` (did you mean `sizes`?)",
        "images.toml:12: `b.version` is 2.9, but support.toml does not list until when this line of thing is supported",
    ];
    let first_lines = error.causes().iter().filter_map(|cause| cause.lines().next());
    assert_eq!(first_lines.collect::<Vec<_>>(), expected);
}

#[test]
fn all_problems_of_the_support_are_named() {
    let text = "reviewed = \"soon\"\n[products.a]\n[products.a.lines]\n1 = { source = \"s\" }\n\
                2 = { ends = \"2027-02-30\", open = \"x\", source = \"s\" }\n3 = { open = \"x\" }\n";
    let error = Support::parse("support.toml", text).unwrap_err().to_string();
    for part in [
        "support.toml:1: `reviewed` is \"soon\", which is not a date",
        "`products.a.title` is missing",
        "`products.a.lines.1.ends` or `open` is required, but not both",
        "support.toml:5: `products.a.lines.2.ends` is \"2027-02-30\", which is not a date",
        "`products.a.lines.2.ends` or `open` is required, but not both",
        "`products.a.lines.3.source` is missing",
    ] {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
}

/// Until 2027-02-28, for a version and for an image.
#[test]
fn the_end_of_support_is_spoken_of_sixty_days_before() {
    let support = Support::parse("support.toml", SUPPORT).unwrap();
    let versions = versions("thing = \"3.1.9\"\nother = \"1\"");
    let images = Images::parse("images.toml", &thing("3.1.4", ""), &support, &versions).unwrap();
    let on = |year, month, day| {
        let all = due(&support, &versions, &images, date(year, month, day));
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    };
    let early = on(2026, 12, 29);
    assert_eq!((early.left, early.is_near(), early.is_past()), (61, false, false));
    let near = on(2026, 12, 31);
    assert_eq!((near.left, near.is_near(), near.is_past()), (59, true, false));
    assert_eq!(near.to_string(), "Thing 3.1 (thing, image thing) loses support on 2027-02-28, in 59 days");
    assert!(on(2026, 12, 30).is_near(), "60 days");
    assert!(on(2027, 2, 28).to_string().contains("loses support today") && !on(2027, 2, 28).is_past());
    let past = on(2027, 3, 1);
    assert!(past.is_near() && past.is_past());
    assert!(past.to_string().contains("has been out of support since 2027-02-28"), "{past}");
}

#[test]
fn a_line_without_a_known_end_is_never_due() {
    let support = Support::parse("support.toml", SUPPORT).unwrap();
    let line = support.line("thing", "3.9").unwrap();
    assert_eq!((line.title.as_str(), line.ended(date(2999, 1, 1))), ("Thing 3", None));
    assert!(due(&support, &versions("thing = \"3.9\""), &Images::default(), date(2999, 1, 1)).is_empty());
    assert_eq!(support.line("thing", "31"), None);
}

/// One row of the table in docs/IMAGES.md.
fn row(image: &PublishedImage) -> String {
    let end = match &image.support.end {
        End::On(day) => day.to_string(),
        End::Open(why) => why.clone(),
    };
    let made = image.source_version.as_deref().unwrap_or("not made");
    let differs = image.differs.as_ref().map(|differs| format!(": {differs}")).unwrap_or_default();
    let other = image.version_differs.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let PublishedImage { name, registry, repository, tag, .. } = image;
    format!("| [{name}](#{name}) | `{registry}/{repository}:{tag}` | {end} | {made}{other}{differs} |")
}

#[test]
fn each_image_has_its_row_and_a_documented_contract() {
    let doc = include_str!("../../docs/IMAGES.md");
    let images = ours().2;
    let mut wrong = Vec::new();
    for image in images.iter() {
        let row = row(image);
        if !doc.lines().any(|line| line == row) {
            wrong.push(format!("docs/IMAGES.md lacks this row:\n{row}"));
        }
        let section = doc.split(&format!("\n## `{}`\n", image.name)).nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        for part in ["paths", "user", "entrypoint", "environment", "specified in"] {
            let said = section.lines().find_map(|line| line.strip_prefix(&format!("| {part} | ")));
            if said.is_none_or(|said| said.len() < 4) {
                wrong.push(format!("docs/IMAGES.md does not say of `{}`: {part}", image.name));
            }
        }
    }
    let sections = doc.lines().filter(|line| line.starts_with("## `")).count();
    assert_eq!(sections, images.iter().count(), "docs/IMAGES.md: a section for each image");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
