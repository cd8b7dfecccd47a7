//! Reads an env file from disk and checks its type, size and encoding.

use std::path::Path;

use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::user_file;

/// The limit of a Secret.
const LARGEST: u64 = 1 << 20;

/// The text of `path`, or `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<SecretString>> {
    let name = path.display();
    let wanted = "todo-bootstrap env init   # creates .env from .env.example if it is missing";
    let Some(meta) = user_file::look(path).map_err(|error| error.help(wanted))? else { return Ok(None) };
    if meta.len() > LARGEST {
        return Err(Error::usage(format!("{name} is too large"))
            .because("a Kubernetes Secret can contain at most 1 MiB")
            .help(format!("wc {name}   # shows its size")));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| Error::io("read", path, &error).help(format!("chmod u+r {name}")))?;
    text(bytes, path).map(Some)
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<SecretString> {
    let name = path.display();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::usage(format!("{name} is not UTF-8"))
            .because("it is UTF-16, as some editors and shells of Windows write it")
            .help(format!(
                "save it as UTF-8:  iconv -f UTF-16 -t UTF-8 {name} >{name}.new && mv {name}.new {name}"
            )));
    }
    String::from_utf8(bytes).map(SecretString::from).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        Error::usage(format!("{name} is not UTF-8"))
            .because(format!("{name}:{line}: a character here is not UTF-8"))
            .help("save the file as UTF-8")
    })
}
