//! `[[data]]` of `application.toml`: a store of the application's data, and the script that backs it up.

use std::path::{Path, PathBuf};

use super::application::{inside, label};
use super::reader::Fields;
use crate::error::{Error, Result};

/// Data of one service. `script` runs in the service's container; the last argument says what it does:
///
/// | verb | what the script does |
/// |---|---|
/// | `schema` | prints the version of the schema, or nothing |
/// | `dump` | prints a consistent copy of the data |
/// | `load` | reads a dump into a copy beside the data, which stays as it is; prints the copy's schema |
/// | `replace` | puts the copy in place of the data, at once or not at all |
/// | `clean` | deletes a copy that `load` or `replace` left behind, if there is one |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataStore {
    pub name: String,
    /// The workload that mounts the volume with the data. Without such a volume, there is no data.
    pub service: String,
    /// The program and its arguments, to which the text of the script, the name and the verb are appended.
    pub interpreter: Vec<String>,
    pub script: PathBuf,
    /// The services that migrate data of an older schema when they start.
    pub migrated_by: Vec<String>,
}

impl DataStore {
    /// The command line that does `verb`.
    pub fn argv(&self, verb: &str) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.script).map_err(|e| Error::io("read", &self.script, &e))?;
        Ok([self.interpreter.clone(), vec![text, self.name.clone(), verb.to_owned()]].concat())
    }
}

pub(super) fn read(dir: &Path, fields: &mut Fields<'_, '_>) -> Vec<DataStore> {
    let mut names = Vec::new();
    fields.tables("data", |fields| {
        let (name, service) = (label(fields, "name"), label(fields, "service"));
        if name.as_ref().is_some_and(|name| names.contains(name)) {
            fields.problem("name", "is also the name of another [[data]]");
        }
        names.extend(name.clone());
        let mut interpreter = fields.strings("interpreter");
        if interpreter.is_empty() {
            interpreter = ["sh", "-c"].map(str::to_owned).to_vec();
        }
        let script = inside(dir, fields, "script", Path::is_file);
        let migrated_by = fields.strings("migrated-by");
        Some(DataStore { name: name?, service: service?, interpreter, script: script?, migrated_by })
    })
}

#[cfg(test)]
mod tests {
    use super::super::Application;

    #[test]
    fn a_store_names_its_script_and_its_interpreter() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("chart")).unwrap();
        std::fs::write(dir.path().join("store.sh"), "echo hi").unwrap();
        let load = |data: &str| {
            let text = format!("name = \"shop\"\nhost = \"shop.local\"\nchart = \"chart\"\n{data}");
            std::fs::write(dir.path().join("application.toml"), text).unwrap();
            Application::load(dir.path())
        };
        let entry = "[[data]]\nname = \"rows\"\nservice = \"store\"\nscript = \"store.sh\"\n";
        let application = load(&format!("{entry}migrated-by = [\"web\"]\n")).unwrap().unwrap();
        let store = &application.data[0];
        assert_eq!(store.argv("dump").unwrap(), ["sh", "-c", "echo hi", "rows", "dump"]);
        assert_eq!(
            (store.service.as_str(), store.migrated_by.as_slice()),
            ("store", &["web".to_owned()][..])
        );
        let twice = format!("{entry}{entry}interpreter = [\"python3\", \"-c\"]\n");
        let error = load(&twice).unwrap_err();
        assert!(error.to_string().contains("another [[data]]"), "{error}");
        let error = load("[[data]]\nname = \"ROWS\"\nscript = \"no.sh\"\nscrpt = \"x\"\n").unwrap_err();
        assert_eq!(error.causes().len(), 4, "{error}");
    }
}
