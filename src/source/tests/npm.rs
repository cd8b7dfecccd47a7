//! Archives of npm packages, from a registry on the loopback address.

use wiremock::matchers::{header, path};
use wiremock::{Match, Mock, ResponseTemplate};

use super::*;
use crate::kubernetes::testing::serve;

const ARCHIVE: &[u8] = b"an archive";
/// sha256 of [`ARCHIVE`].
const SHA256: &str = "9e691d5adacf0e102f203100842ffaba4e2a7dfe3dbd536827d3c0db8c7e88f1";

fn recipe(sha256: &str) -> String {
    format!(
        "kind = \"npm\"\nversion = \"1\"\n[outputs.\"t.tgz\".any]\npackage = \"@t/pack\"\n\
         version = \"1.2.3\"\nsha256 = \"{sha256}\"\nsize = {}\n",
        ARCHIVE.len()
    )
}

/// Makes the recipe with a registry that gives `answer` to what `asked` describes.
fn served(
    asked: impl Match + 'static,
    answer: ResponseTemplate,
    sha256: &str,
    bench: Bench,
) -> (Result<Made>, Bench) {
    let (_runtime, server) = serve([Mock::given(asked).respond_with(answer)]);
    let bench = Bench { registry: Some(format!("{}/", server.uri())), ..bench };
    bench.recipe("t-npm", &recipe(sha256));
    (bench.make(&Maker::default(), "t-npm").0, bench)
}

fn whole(sha256: &str) -> (Result<Made>, Bench) {
    let archive = ResponseTemplate::new(200).set_body_bytes(ARCHIVE);
    served(path("/@t/pack/-/pack-1.2.3.tgz"), archive, sha256, Bench::new())
}

#[test]
fn an_archive_is_held_against_its_pin() {
    let (made, _bench) = whole(SHA256);
    let made = made.unwrap();
    assert_eq!(made.outputs.keys().collect::<Vec<_>>(), ["t.tgz"]);
    assert_eq!((made.entry.kind.as_str(), made.entry.version.as_str()), ("package", "1"));
    assert_eq!(std::fs::read(made.file()).unwrap(), ARCHIVE);
}

#[test]
fn goes_on_with_what_a_killed_build_fetched() {
    let rest = ResponseTemplate::new(206)
        .insert_header("content-range", "bytes 3-9/10")
        .set_body_bytes(&ARCHIVE[3..]);
    let bench = Bench::new();
    bench.write(&format!("cache/npm/{SHA256}.partial"), "an ");
    let (made, bench) = served(header("range", "bytes=3-"), rest, SHA256, bench);
    let made = made.unwrap();
    assert_eq!(std::fs::read(made.file()).unwrap(), ARCHIVE);
    assert!(!bench.path("cache/npm").join(SHA256).exists(), "it is kept once");
}

#[test]
fn another_archive_is_refused_and_not_kept() {
    let (made, bench) = whole(&"0".repeat(64));
    let text = made.unwrap_err().to_string();
    assert!(text.contains("cannot build t-npm") && text.contains("help: npm config get registry"), "{text}");
    assert!(bench.source().unwrap().cached("t-npm").unwrap().is_none());
}

#[test]
fn a_pin_without_a_digest_is_named() {
    let bench = Bench::new();
    bench.recipe("t-npm", &recipe("abc"));
    let text = bench.source().err().unwrap().to_string();
    assert!(text.contains("must be 64 lower-case hex digits"), "{text}");
}

#[test]
fn the_packages_of_ours_are_of_the_version_in_the_tag() {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    let recipes = Recipes::load(&data, &versions).unwrap();
    let Kind::Npm(npm) = &recipes.get("nodejs").unwrap().kind else { panic!("nodejs is no npm recipe") };
    let node = &npm.outputs["node.tgz"];
    assert_eq!(node.keys().collect::<Vec<_>>(), ["amd64", "arm64"]);
    let line = format!("{}.", versions.get("nodejs").unwrap());
    assert!(node.values().all(|package| package.version.starts_with(&line)), "{node:?}");
    let mut of_each = node.values().map(|package| &package.version);
    assert_eq!(of_each.next(), of_each.next(), "the architectures differ");
}
