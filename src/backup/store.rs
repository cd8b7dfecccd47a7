//! The stores of a running application: where each one is, and how it is dumped and loaded.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::core::DynamicObject;

use super::manifest::file;
use super::{Backup, Dump, Manifest, Reason, Shelf};
use crate::config::{Application, DataStore};
use crate::deploy::{self, services};
use crate::diagnose::is_ready;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::kubernetes::{Kube, PodCmd};
use crate::quantity::show_bytes;
use crate::task::Task;

/// A store and the container that has its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub spec: DataStore,
    namespace: String,
    pod: String,
    container: String,
}

/// The stores that the installed release has, in the order of the application's file. Fails if one of them has
/// no ready pod. Without a release there are none.
pub fn stores(task: &Task<'_>, kube: &Kube, application: &Application) -> Result<Vec<Store>> {
    if application.data.is_empty() {
        return Ok(Vec::new());
    }
    let namespace = &application.namespace;
    let Some(release) = deploy::release(task, kube, namespace, &application.name)? else {
        return Ok(Vec::new());
    };
    let objects = release.objects()?;
    let live = services::read(task, kube, namespace)?;
    let used =
        application.data.iter().filter(|spec| objects.iter().any(|object| has_data(object, &spec.service)));
    used.map(|spec| {
        let pod = live.pods_of(&spec.service).find(|pod| is_usable(pod));
        let pod = pod.ok_or_else(|| {
            Error::failed(format!("the data of `{}` cannot be reached", spec.name))
                .because(format!("service {} has no ready pod", spec.service))
                .help("todo-bootstrap status   # shows what is not ready, and why")
        })?;
        let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
        Ok(Store {
            spec: spec.clone(),
            namespace: namespace.clone(),
            pod: pod.name_any(),
            container: container.map(|container| container.name.clone()).unwrap_or_default(),
        })
    })
    .collect()
}

/// Whether `object` is the workload `service`, with a persistent volume.
fn has_data(object: &DynamicObject, service: &str) -> bool {
    object.name_any() == service && (deploy::has_own_volumes(object) || deploy::shares_volume(object))
}

/// Whether a program can run in the pod to its end.
fn is_usable(pod: &Pod) -> bool {
    is_ready(pod) && pod.metadata.deletion_timestamp.is_none()
}

impl Store {
    fn cmd(&self, verb: &str, purpose: &str) -> Result<PodCmd> {
        Ok(PodCmd {
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            container: self.container.clone(),
            argv: self.spec.argv(verb)?,
            purpose: format!("{purpose} of `{}`", self.spec.name),
        })
    }

    /// The version of the schema of the data that is in use.
    pub fn schema(&self, task: &Task<'_>, kube: &Kube) -> Result<Option<String>> {
        let schema = self.cmd("schema", "read the schema version")?.output(task, kube)?;
        Ok((!schema.is_empty()).then_some(schema))
    }

    /// Writes a dump to `dir`, as it arrives.
    fn dump(&self, task: &Task<'_>, kube: &Kube, dir: &std::path::Path) -> Result<Dump> {
        // Before the dump: a migration in between must not make old data look new.
        let schema = self.schema(task, kube)?;
        let cmd = self.cmd("dump", "back up the data")?;
        let (store, to) = (self.spec.name.clone(), dir.join(file(&self.spec.name)));
        let mut output = cmd.read(task, kube)?;
        let placed = files::place(&mut Counted::new(&mut output, task, &store), &to, 0o600, u64::MAX);
        match placed {
            Ok((sha256, size)) if size > 0 => Ok(Dump { store, schema, size, sha256 }),
            Ok(_) => Err(Error::failed(format!("cannot {}", cmd.purpose)).because("the dump is empty")),
            Err(error) => Err(output.failure().unwrap_or_else(|| {
                error.help("todo-bootstrap backup create --to DIR   # a folder on another volume")
            })),
        }
    }

    /// Loads the dump in `backup` into a copy beside the data, which stays as it is, and compares the schemas.
    pub fn load(&self, task: &Task<'_>, kube: &Kube, backup: &Backup, dump: &Dump) -> Result<()> {
        let path = backup.dir.join(dump.file());
        let mut from = File::open(&path).map_err(|e| Error::io("open", &path, &e))?;
        let cmd = self.cmd("load", "load a copy of the data")?;
        let schema = cmd.feed(task, kube, &mut Counted::new(&mut from, task, &dump.store))?;
        let expected = dump.schema.as_deref().unwrap_or_default();
        if schema != expected {
            let why = format!("its schema is `{schema}`, not `{expected}` as the manifest says");
            return Err(Error::failed(format!("the copy of `{}` is not what was backed up", dump.store))
                .because(why)
                .help("todo-bootstrap backup list   # shows the other backups"));
        }
        Ok(())
    }

    /// Puts the loaded copy in place of the data.
    pub fn replace(&self, task: &Task<'_>, kube: &Kube) -> Result<()> {
        self.cmd("replace", "replace the data")?.output(task, kube).map(drop)
    }

    /// Deletes a copy that an interrupted restore left behind.
    pub fn clean(&self, task: &Task<'_>, kube: &Kube) -> Result<()> {
        self.cmd("clean", "delete the copy")?.output(task, kube).map(drop)
    }
}

/// What a backup is of, and what it is made for.
pub struct Origin<'a> {
    pub cluster: &'a str,
    pub application: &'a Application,
    pub reason: Reason,
    pub now: Timestamp,
}

/// Makes a backup of all `stores` on `shelf`, complete or not at all.
pub fn create(
    task: &Task<'_>,
    kube: &Kube,
    shelf: &Shelf,
    stores: &[Store],
    origin: &Origin<'_>,
) -> Result<Backup> {
    let Origin { cluster, application, reason, now } = origin;
    let chart = chart_version(application)?;
    shelf.add(*now, |dir| {
        let dumps = stores.iter().map(|store| store.dump(task, kube, dir)).collect::<Result<Vec<Dump>>>()?;
        let names = [(*cluster).to_owned(), application.name.clone(), application.version.clone(), chart];
        Manifest::new(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), *reason, names, dumps).save(dir)
    })
}

fn chart_version(application: &Application) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Chart {
        #[serde(default)]
        version: String,
    }
    let path = application.chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
    let chart: Chart = serde_saphyr::from_str(&text)
        .map_err(|error| Error::usage(format!("{} is not valid", path.display())).because(error))?;
    Ok(chart.version)
}

/// Fails if `dump` has a newer schema than `current`, that of the running application, which must be able to read it.
pub fn newer(store: &Store, dump: &Dump, current: Option<&str>) -> Result<()> {
    let Some(wanted) = &dump.schema else { return Ok(()) };
    let name = &store.spec.name;
    match current {
        None => Err(Error::failed(format!("cannot compare the schema of `{name}` with that of the backup"))
            .because("the application has not created its schema yet")
            .help("todo-bootstrap check   # shows what is not ready, and why")),
        Some(current) if compare(wanted, current) == Ordering::Greater => Err(Error::new(
            Kind::Refused,
            format!("the backup of `{name}` has a newer schema than the application"),
        )
        .because(format!("its schema is {wanted}, that of the application {current}; nothing was changed"))
        .help("todo-bootstrap up --dir DIR   # a version of the application that knows this schema")),
        Some(_) => Ok(()),
    }
}

/// Compares versions: runs of digits as numbers, all else as text.
fn compare(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let mut parts: Vec<(u64, String)> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let digit = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
            let part = &rest[..end];
            parts.push(match part.parse() {
                Ok(number) if digit => (number, String::new()),
                _ => (u64::MAX, part.to_owned()),
            });
            rest = &rest[end..];
        }
        parts
    };
    parts(a).cmp(&parts(b))
}

/// Reports how much was read.
struct Counted<'a> {
    from: &'a mut dyn Read,
    task: &'a Task<'a>,
    name: &'a str,
    bytes: u64,
}

impl<'a> Counted<'a> {
    /// After how many bytes progress is reported.
    const STEP: u64 = 4 << 20;

    fn new(from: &'a mut dyn Read, task: &'a Task<'a>, name: &'a str) -> Self {
        Self { from, task, name, bytes: 0 }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        let before = self.bytes;
        self.bytes += count as u64;
        if before / Self::STEP != self.bytes / Self::STEP {
            self.task.say(format!("{}: {}", self.name, show_bytes(self.bytes)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn store() -> Store {
        let text = str::to_owned;
        let spec = DataStore {
            name: text("rows"),
            service: text("store"),
            interpreter: vec![text("sh"), text("-c")],
            script: "store.sh".into(),
            migrated_by: Vec::new(),
        };
        Store { spec, namespace: text("shop"), pod: text("store-0"), container: text("store") }
    }

    #[test]
    fn only_a_newer_schema_is_refused() {
        let dump = |schema: Option<&str>| Dump {
            store: "rows".to_owned(),
            schema: schema.map(str::to_owned),
            size: 1,
            sha256: String::new(),
        };
        for (schema, current) in
            [(None, None), (None, Some("1")), (Some("0002"), Some("0002")), (Some("0009"), Some("0010"))]
        {
            newer(&store(), &dump(schema), current).unwrap();
        }
        for (schema, current) in [("0003", "0002"), ("10", "9"), ("1.10", "1.9"), ("2b", "2a"), ("2a", "2")] {
            let error = newer(&store(), &dump(Some(schema)), Some(current)).unwrap_err();
            assert_eq!(error.kind(), Kind::Refused, "{schema} {current}");
            assert!(error.causes()[0].contains(schema) && error.causes()[0].contains(current), "{error}");
        }
        let error = newer(&store(), &dump(Some("1")), None).unwrap_err();
        assert!(error.to_string().contains("not created its schema"), "{error}");
    }

    #[test]
    fn data_is_what_is_on_a_persistent_volume() {
        let set: DynamicObject = object(
            "metadata: {name: store}\nspec: {volumeClaimTemplates: [{metadata: {name: data}}], template: {spec: {}}}",
        );
        assert!(has_data(&set, "store") && !has_data(&set, "web"));
        let with = |volume: &str| -> DynamicObject {
            object(&format!("metadata: {{name: web}}\nspec: {{template: {{spec: {{volumes: [{volume}]}}}}}}"))
        };
        assert!(has_data(&with("{name: data, persistentVolumeClaim: {claimName: web}}"), "web"));
        assert!(!has_data(&with("{name: tmp, emptyDir: {}}"), "web"));
        let pod = |status: &str, more: &str| -> Pod {
            object(&format!(
                "metadata: {{name: p{more}}}\nstatus: {{conditions: [{{type: Ready, status: '{status}'}}]}}"
            ))
        };
        assert!(is_usable(&pod("True", "")) && !is_usable(&pod("False", "")));
        assert!(!is_usable(&pod("True", ", deletionTimestamp: '2026-01-01T10:00:00Z'")));
    }

    /// 256 MiB pass through the buffer of one block, and are counted on their way.
    #[test]
    fn a_large_dump_is_never_in_memory() {
        const SIZE: u64 = 256 << 20;
        struct Source {
            left: u64,
            largest: usize,
        }
        impl Read for Source {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.largest = self.largest.max(buffer.len());
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
                buffer[..count].fill(b'x');
                self.left -= count as u64;
                Ok(count)
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (largest, recorder) = crate::task::testing::with_task(&crate::exec::Script::default(), |task| {
            let mut source = Source { left: SIZE, largest: 0 };
            let to = dir.path().join("rows.dump");
            let (_, size) =
                files::place(&mut Counted::new(&mut source, task, "rows"), &to, 0o600, u64::MAX).unwrap();
            assert_eq!(size, SIZE);
            source.largest
        });
        assert!(largest <= 2 << 20, "{largest} bytes were read at once");
        let said = recorder.said();
        assert!(said.lines().count() == 64 && said.ends_with("rows: 256 MiB\n"), "{said}");
    }
}
