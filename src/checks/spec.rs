//! The definition of a check in its file, and loading whole groups.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Check, KINDS};
use crate::config::{Document, Fields, Versions};
use crate::data::Data;
use crate::error::{Error, Kind, Result};

/// The default timeout.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub struct Spec {
    /// The name of its file without `.toml`; unique among all groups.
    pub id: String,
    pub title: String,
    /// Kebab-case and unique: identifies a failure.
    pub code: String,
    /// An exact command that fixes a failure, if the kind's own help is too general.
    pub help: Option<String>,
    /// How long it may take until the check passes.
    pub timeout: Duration,
    pub kind: &'static str,
    pub(super) check: Box<dyn Check>,
}

impl Spec {
    /// Whether an evaluation starts pods of its own.
    pub fn starts_pods(&self) -> bool {
        self.check.starts_pods()
    }

    /// Reads the only check of a file.
    pub fn parse(id: &str, origin: &str, text: &str) -> Result<Self> {
        Document::parse(origin, text)?.read(|fields| read(fields, id.to_owned()))
    }

    /// Reads a check that specifies its own `id`: one of a list in another file.
    pub fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        // Without an id, the rest is read all the same, to report its problems too.
        let id = required(fields, "id", kebab);
        let spec = read(fields, id.clone().unwrap_or_default());
        spec.filter(|_| id.is_some())
    }
}

/// All checks of the folders `checks/<group>`, in the order of their file names, with versions filled in.
/// Fails with the problems of all files at once, including duplicate ids and codes.
pub fn load(data: &Data, groups: &[&str], versions: &Versions) -> Result<Vec<Spec>> {
    let mut specs = Vec::new();
    let mut problems = Vec::new();
    for group in groups {
        for file in data.list(&format!("checks/{group}")) {
            let Some(id) = file.strip_suffix(".toml") else { continue };
            let Some(text) = data.read(&format!("checks/{group}/{file}"))? else { continue };
            match Spec::parse(id, &text.origin, &versions.fill(&text.text)) {
                Ok(spec) => specs.push(spec),
                Err(error) => problems.extend(error.causes().to_vec()),
            }
        }
    }
    problems.extend(reused("id", specs.iter().map(|spec| &spec.id)));
    problems.extend(reused("code", specs.iter().map(|spec| &spec.code)));
    if problems.is_empty() {
        return Ok(specs);
    }
    let error = Error::new(Kind::Usage, "the checks are not valid");
    Err(problems.into_iter().fold(error, Error::because).help("fix the lines named above"))
}

fn read(fields: &mut Fields<'_, '_>, id: String) -> Option<Spec> {
    let title = fields.string("title");
    let code = if fields.has("code") { fields.opt_parsed("code", kebab) } else { kebab(&id).ok() };
    if code.is_none() && !fields.has("code") {
        fields.problem("code", "is missing, and the file's name is not a kebab-case code");
    }
    let help = fields.opt_string("help");
    let timeout = fields.opt_parsed("timeout", duration).unwrap_or(TIMEOUT);
    if timeout > MAX_TIMEOUT {
        fields.problem("timeout", "must be at most 1h");
    }
    let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    let name = choice(fields, "kind", &names)?;
    let (kind, read) = KINDS.iter().find(|(known, _)| *known == name)?;
    let mut check = read(fields)?;
    check.within(timeout);
    Some(Spec { id, title: title?, code: code?, help, timeout, kind, check })
}

/// A required string that `parse` accepts.
pub(super) fn required<T>(
    fields: &mut Fields<'_, '_>,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    if fields.has(key) { fields.opt_parsed(key, parse) } else { fields.string(key).and(None) }
}

/// A required string that is one of `choices`.
pub(super) fn choice(fields: &mut Fields<'_, '_>, key: &str, choices: &[&str]) -> Option<String> {
    if fields.has(key) { fields.opt_choice(key, choices) } else { fields.string(key) }
}

/// A required integer.
pub(super) fn required_port(fields: &mut Fields<'_, '_>, key: &str) -> Option<u16> {
    if !fields.has(key) {
        return fields.string(key).and(None);
    }
    fields.opt_integer(key, 1..=65535).and_then(|port| u16::try_from(port).ok())
}

pub(super) fn kebab(text: &str) -> Result<String, String> {
    let good =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.split('-').all(good) {
        return Ok(text.to_owned());
    }
    Err(format!("is \"{text}\", but must be kebab-case: a-z, 0-9 and single `-`"))
}

/// `500ms`, `30s`, `2m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let wrong = || format!("is \"{text}\", but must be a time such as 500ms, 30s, 2m");
    parsed.filter(|time| !time.is_zero()).ok_or_else(wrong)
}

fn reused<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let several = counts.into_iter().filter(|(_, count)| *count > 1);
    several.map(|(name, count)| format!("{what} `{name}` is used by {count} checks")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Application;

    const GOOD: &str =
        "title = \"t\"\nkind = \"rollout\"\nobject = \"Deployment\"\nname = \"web\"\ntimeout = \"2m\"\n";

    fn load(data: &Data, groups: &[&str]) -> Result<Vec<Spec>> {
        super::load(data, groups, &Versions::load(data)?)
    }

    /// Those of the program, of its own project, and of the examples: they stand beside those of the cluster,
    /// whose ids and codes are taken.
    #[test]
    fn every_check_of_this_repository_is_valid_and_has_a_code_of_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let has = |specs: &[Spec], kind: &str| specs.iter().any(|spec| spec.kind == kind);
        let cluster = load(&Data::default(), &["cluster"]).unwrap();
        assert!(cluster.len() >= 4 && has(&cluster, "metrics"), "{}", cluster.len());
        let all = |dir: &Path| load(&Data::new(Some(dir.to_owned())), &["cluster", "app"]).unwrap();
        assert!(has(&all(root), "http") && has(&all(root), "journey"));
        let examples = std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
        let count = examples.inspect(|dir| {
            Application::load(dir).unwrap().unwrap();
            assert!(has(&all(dir), "http"), "{}", dir.display());
        });
        assert!(count.count() > 0);
    }

    #[test]
    fn the_code_is_the_id_unless_given() {
        let spec = Spec::parse("web-rollout", "f", GOOD).unwrap();
        assert_eq!((spec.code.as_str(), spec.timeout), ("web-rollout", Duration::from_secs(2 * 60)));
        let spec = Spec::parse("web-rollout", "f", &format!("code = \"web-down\"\n{GOOD}")).unwrap();
        assert_eq!(spec.code, "web-down");
    }

    #[test]
    fn each_kind_reads_its_keys_and_names_every_mistake() {
        let condition = "api-version = \"v1\"\nobject = \"Node\"\nconditions = {Ready = \"True\"}";
        let bad_condition = "api-version = \"1\"\nconditions = {Ready = \"yes\"}";
        let http = "via = \"service\"\nservice = \"web\"\nport = 80\nmethod = \"PUT\"\npath = \"/x?y=1\"\n\
                    headers = {X-A = \"b\"}\n[expect]\nstatus = 201\njson = {\"/a\" = \"b\"}";
        let bad_http = "via = \"service\"\nmethod = \"get\"\npath = \"x\"\nheaders = {\"a b\" = \"c\"}\n\
                        [expect]\nstatus = 20\njson = {status = \"ok\"}";
        let bad_rollout = "code = \"Bad_Code\"\ntimeout = \"soon\"\nobject = \"Deploymnt\"\nextra = 1";
        for (kind, text, mistakes) in [
            ("autoscaler", "namespace = \"a\"", ""),
            ("autoscaler", "name = \"a\"", "unknown key `name`"),
            ("helm-test", "", ""),
            ("helm-test", "release = \"a\"", "unknown key `release`"),
            ("condition", condition, ""),
            ("condition", bad_condition, "`api-version`|`object` is missing|\"True\", \"False\""),
            ("condition", "", "must name at least one condition"),
            ("htp", "", "did you mean `http`?"),
            ("http", "via = \"ingress\"\npath = \"/\"", ""),
            ("http", http, ""),
            ("http", bad_http, "`service` is missing|`port` is missing|`method`|`path`|`headers`"),
            ("http", bad_http, "`expect.status`|`expect.json`"),
            ("http", "path = \"/\"", "`via` is missing"),
            ("http", "via = \"ingress\"\npath = \"/\"\nservice = \"web\"", "unknown key `service`"),
            ("image-digest", "namespace = \"a\"", ""),
            ("image-digest", "all-namespaces = true\nfrom-node = [\"etcd\"]", ""),
            ("image-digest", "namespace = \"a\"\nall-namespaces = true", "`namespace` cannot be given"),
            ("image-digest", "image = \"a\"", "unknown key `image`"),
            ("metrics", "of = \"pods\"\nnamespace = \"a\"", ""),
            ("metrics", "", "`of` is missing"),
            ("metrics", "of = \"node\"", "did you mean `nodes`?"),
            ("metrics", "of = \"nodes\"\nnamespace = \"a\"", "unknown key `namespace`"),
            ("pvc", "storageclass = \"a\"", "did you mean `storage-class`?|`name` is missing"),
            ("restarts", "", ""),
            ("restarts", "max = 3\nselector = \"app=web\"", ""),
            ("restarts", "max = -1", "`max` must be from 0"),
            ("rollout", "object = \"DaemonSet\"\nname = \"a\"\nnamespace = \"b\"", ""),
            ("rollout", "object = \"Pod\"", "must be one of: Deployment|`name` is missing"),
            ("rollout", bad_rollout, "`code`|`timeout`|did you mean `Deployment`?|unknown key `extra`"),
            ("tcp", "service = \"web\"\nport = 80", ""),
            ("tcp", "port = 70000", "`service` is missing|`port` must be from 1"),
        ] {
            let parsed = Spec::parse("x", "f", &format!("title = \"t\"\nkind = \"{kind}\"\n{text}"));
            let error = parsed.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error.is_empty(), mistakes.is_empty(), "{kind}: {text}: {error}");
            assert!(mistakes.split('|').all(|part| error.contains(part)), "{mistakes} in {error}");
        }
        let untitled = Spec::parse("x", "f", "kind = \"restarts\"\n").unwrap_err();
        assert!(untitled.to_string().contains("`title` is missing"), "{untitled}");
    }

    #[test]
    fn problems_of_all_files_and_reused_codes_come_together() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("checks/app");
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in [
            ("a.toml", format!("code = \"same\"\n{GOOD}")),
            ("b.toml", format!("code = \"same\"\n{GOOD}")),
            ("c.toml", "title = 3\n".to_owned()),
            ("d.toml", "kind = \"pvc\"\n".to_owned()),
            ("readme.md", "no check".to_owned()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let data = Data::new(Some(dir.path().to_owned()));
        let error = load(&data, &["app"]).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Usage);
        let error = error.to_string();
        for part in ["c.toml", "d.toml", "code `same` is used by 2 checks"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert!(duration("5").is_err() && duration("s").is_err() && duration("0s").is_err());
    }
}
