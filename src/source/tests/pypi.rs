//! Programs from wheels, of an index on the loopback address.

use std::io::Write as _;

use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};
use zip::write::SimpleFileOptions;

use super::*;
use crate::files::sha256;
use crate::kubernetes::testing::serve;

const FILE: &str = "t_pack-1.2.3-py3-none-manylinux_2_31_x86_64.whl";
const PROGRAM: &[u8] = b"a program";

fn wheel() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("t/__init__.py", &b""[..]), ("t/_bin/t", PROGRAM)] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Makes the recipe with an index whose page of the project is `page`.
fn served(page: &str, sha256: &str) -> (Result<Made>, Bench) {
    let wheel = wheel();
    let recipe = format!(
        "kind = \"pypi\"\nversion = \"1\"\n[outputs.t.amd64]\npackage = \"t-pack\"\nversion = \"1.2.3\"\n\
         file = \"{FILE}\"\nmember = \"t/_bin/t\"\nsha256 = \"{sha256}\"\nsize = {}\n",
        wheel.len()
    );
    let page = ResponseTemplate::new(200).set_body_raw(page.as_bytes().to_vec(), "text/html");
    let archive = ResponseTemplate::new(200).set_body_bytes(wheel);
    let (_runtime, server) = serve([
        Mock::given(path("/simple/t-pack/")).respond_with(page),
        Mock::given(path(format!("/files/{FILE}"))).respond_with(archive),
    ]);
    let bench = Bench { index: Some(format!("{}/simple", server.uri())), ..Bench::new() };
    bench.recipe("t-pypi", &recipe);
    (bench.make(&Maker::default(), "t-pypi").0, bench)
}

fn page() -> String {
    format!("<a href=\"../../files/{FILE}#sha256=4711\">{FILE}</a>")
}

#[test]
fn a_program_is_taken_out_of_its_wheel() {
    let sha256 = sha256(&wheel());
    let (made, bench) = served(&page(), &sha256);
    let made = made.unwrap();
    assert_eq!(made.outputs.keys().collect::<Vec<_>>(), ["t"]);
    assert_eq!((made.entry.kind.as_str(), made.entry.version.as_str()), ("package", "1"));
    assert_eq!(std::fs::read(made.file()).unwrap(), PROGRAM);
    assert!(!bench.path("cache/pypi").join(sha256).exists(), "the wheel is not kept");
}

#[test]
fn another_wheel_is_refused() {
    let (made, bench) = served(&page(), &"0".repeat(64));
    let text = made.unwrap_err().to_string();
    assert!(text.contains("cannot build t-pypi") && text.contains("help: pip config get"), "{text}");
    assert!(bench.source().unwrap().cached("t-pypi").unwrap().is_none());
}

#[test]
fn a_wheel_that_the_index_does_not_have_is_named() {
    let (made, _bench) = served("<a href=\"other.whl\">", &"0".repeat(64));
    let text = made.unwrap_err().to_string();
    assert!(text.contains(&format!("does not have {FILE}")), "{text}");
}

#[test]
fn the_wheels_of_ours_are_of_the_version_in_the_tag() {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    let recipes = Recipes::load(&data, &versions).unwrap();
    let mut seen = 0;
    for recipe in recipes.iter() {
        let Kind::Pypi(pypi) = &recipe.kind else { continue };
        for wheels in pypi.outputs.values() {
            assert_eq!(wheels.keys().collect::<Vec<_>>(), ["amd64", "arm64"]);
            for wheel in wheels.values() {
                assert!(wheel.file.contains(&wheel.version), "{wheel:?}");
                assert_eq!(wheel.version, recipe.version, "{}", recipe.name);
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}
