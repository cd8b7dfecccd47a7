//! The tool is changed between its installation and its use.

use std::fs;

use super::bed::{Bed, TOOL, program};
use crate::support::liar::HONEST;

/// Flips one bit of the installed tool.
fn flip(bed: &Bed, at: usize) {
    let mut bytes = fs::read(bed.installed()).expect("the tool");
    bytes[at] ^= 1;
    fs::write(bed.installed(), bytes).expect("write the tool");
}

#[test]
fn one_flipped_bit_is_found_named_and_repaired() {
    for at in [0, 4711, 299_999] {
        let bed = Bed::new(HONEST, program(41, 300_000));
        bed.install().exits(0);
        bed.run(&["tools", "verify"]).exits(0);
        flip(&bed, at);
        bed.run(&["tools", "verify"]).fails().err_has("was changed after it was installed").err_has("help:");
        let screen = bed.run(&["tools", "path", TOOL]).exits(0);
        screen.err_has("was changed after it was installed");
        assert!(bed.is_installed(), "`tools path` names the right bytes");
        flip(&bed, at);
        bed.install().exits(0).err_has("was changed after it was installed");
        assert!(bed.is_installed());
    }
}

#[test]
fn without_the_server_a_changed_tool_is_refused() {
    let bed = Bed::new(HONEST, program(42, 300_000));
    bed.install().exits(0);
    flip(&bed, 12_345);
    bed.liar.behave(crate::support::liar::behaviour("404"));
    bed.run(&["tools", "verify"]).fails().err_has("help:");
    for args in [["tools", "path", TOOL], ["tools", "install", TOOL]] {
        let screen = bed.run(&args).fails();
        assert_eq!(screen.stdout, "", "no path is printed\n{screen}");
        assert!(screen.stderr.contains("help:"), "{screen}");
    }
}

/// An attacker who changes the tool can change its record as well, but not the pin.
#[test]
fn a_record_that_was_changed_with_the_tool_does_not_help() {
    let bed = Bed::new(HONEST, program(43, 300_000));
    bed.install().exits(0);
    let record = bed.folder().join("found.json");
    let text = fs::read_to_string(&record).expect("a record");
    flip(&bed, 100);
    let changed = crate::support::liar::sha256(&fs::read(bed.installed()).expect("the tool"));
    let old = crate::support::liar::sha256(&bed.bytes);
    fs::write(&record, text.replacen(&old, &changed, 1)).expect("write the record");
    let screen = bed.run(&["tools", "verify"]).fails();
    assert!(screen.stderr.contains("help:"), "{screen}");
    bed.run(&["tools", "path", TOOL]).exits(0);
    assert!(bed.is_installed());
}
