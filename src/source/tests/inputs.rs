//! The inputs of an artifact, and its hash.

use super::*;

#[test]
fn a_change_of_any_input_changes_the_hash() {
    type Change = fn(&mut Bench);
    let before = |name: &str| Bench::new().inputs(name);
    assert_eq!(before("t-image"), before("t-image"), "where the files lie is no input");
    let cases: [(&str, &str, Change); 9] = [
        ("ldflags", "t-a", |b| b.recipe("t-a", &GO_A.replace("[outputs]", "ldflags = [\"-s\"]\n[outputs]"))),
        ("sums", "t-a", |b| b.write("offline/go/t-mod/go.sum", "others")),
        ("own program", "t-b", |b| b.write("offline/go/t-mod/cmd/t-b/main.go", "package main // 2")),
        ("a file that moved", "t-b", |b| {
            std::fs::rename(
                b.path("offline/go/t-mod/cmd/t-b/main.go"),
                b.path("offline/go/t-mod/cmd/t-b/m.go"),
            )
            .unwrap();
        }),
        ("Go", "t-a", |b| b.write("go/VERSION", "go1.26.1")),
        ("platform", "t-a", |b| b.facts.arch = crate::host::Arch::Arm64),
        ("what it is made of", "t-layers", |b| b.write("offline/go/t-mod/go.sum", "others")),
        ("context", "t-image", |b| b.write("offline/images/t/more", "x")),
        ("base of its base", "t-image", |b| b.write("offline/go/t-mod/cmd/t-b/main.go", "package x")),
    ];
    for (what, name, change) in cases {
        let mut bench = Bench::new();
        change(&mut bench);
        assert_ne!(bench.inputs(name), before(name), "{what} is not an input of {name}");
    }
}

#[test]
fn what_is_no_input_changes_nothing() {
    let bench = Bench::new();
    let (a, image) = (bench.inputs("t-a"), bench.inputs("t-image"));
    bench.recipe("t-a", &format!("# A remark.\n{GO_A}"));
    bench.write("offline/go/t-mod/cmd/t-c/main.go", "package main");
    bench.write("offline/images/other/Dockerfile", "FROM scratch");
    assert_eq!(bench.inputs("t-a"), a, "a program of ours is no input of another module's");
    assert_ne!(bench.inputs("t-image"), image, "it is one of those built beside it");
}

#[test]
fn local_authorities_are_inputs_of_a_root_file_system() {
    let mut bench = Bench::new();
    bench.recipe("t-root", "kind = \"rootfs\"\nsuite = \"{debian}\"\nvariant = \"minbase\"\n");
    let before = bench.inputs("t-root");
    bench.write("gateway.crt", "one");
    bench.facts.local_cas = vec![bench.path("gateway.crt")];
    let with = bench.inputs("t-root");
    bench.write("gateway.crt", "two");
    assert!(before != with && with != bench.inputs("t-root"));
}

#[test]
fn what_was_made_is_found_when_go_is_gone() {
    let bench = Bench::new();
    let made = bench.make(&Maker::default(), "t-a").0.unwrap();
    let mut source = bench.source().unwrap();
    source.go = None;
    assert_eq!(source.cached("t-a").unwrap().unwrap(), made);
    assert_eq!(source.refusal("t-a"), None);
    assert!(source.refusal("t-b").unwrap().contains("not installed"));
}
