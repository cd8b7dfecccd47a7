//! A profile: which provider makes the cluster, how large it is, what is installed on it.

use super::reader::{Document, Fields, suggest};
use crate::data::{Data, Text};
use crate::error::{Error, Result};
use crate::process_env::ProcessEnv;
use crate::quantity::parse_bytes;

/// A number given by the user, or what fits the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount<T> {
    Auto,
    Given(T),
}

/// The maximum number of nodes: one engine runs all of them.
pub const MAX_NODES: u32 = 9;

/// What makes a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    Kind,
    Minikube,
    Existing,
}

impl ProviderKind {
    const ALL: [(&'static str, Self); 3] =
        [("kind", Self::Kind), ("minikube", Self::Minikube), ("existing", Self::Existing)];

    /// Whether it can create a cluster of several nodes. Further nodes of minikube would need a pod network between
    /// nodes and the binaries of Kubernetes, which are prepared for its first node only.
    pub fn has_several_nodes(self) -> bool {
        self == Self::Kind
    }

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// The cluster that a profile asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
    /// A DNS label; the provider's own name for the cluster.
    pub name: String,
    /// `None` if the profile does not set it: one for a new cluster.
    pub nodes: Option<u32>,
    /// Whole processors that pods and a node's own programs share.
    pub cpus: Amount<u32>,
    /// Bytes of memory of each node.
    pub memory: Amount<u64>,
    /// What the provider runs the node in, where it has a choice (minikube's drivers).
    pub driver: Option<String>,
    /// Ports on the loopback address for the ingress controller; if one is in use, a free one is used.
    pub http_port: u16,
    pub https_port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    /// What `--profile` has to be to load it again: its name, or its file's absolute path.
    pub reference: String,
    pub description: String,
    pub provider: ProviderKind,
    pub cluster: ClusterSpec,
    /// The name of one of the application's presets, or the largest that fits.
    pub preset: Amount<String>,
    /// Folders of `manifests/addons/`, in the order of the file.
    pub addons: Vec<String>,
    /// The ingress class that the application's Ingress gets. If unset, that of the addon that is an ingress controller.
    pub ingress_class: Option<String>,
}

impl Profile {
    /// The names of all profiles that `data` has.
    pub fn names(data: &Data) -> Vec<String> {
        let files = data.list("profiles");
        files.iter().filter_map(|file| Some(file.strip_suffix(".toml")?.to_owned())).collect()
    }

    /// Loads a profile by name, or from a file if `reference` is a path.
    pub fn load(reference: &str, data: &Data, process_env: &ProcessEnv) -> Result<Self> {
        if reference.contains(['/', '\\', '.']) {
            let path = process_env.cwd.join(reference);
            let text = std::fs::read_to_string(&path).map_err(|e| {
                Error::io("read the profile", &path, &e)
                    .with_kind(crate::error::Kind::Usage)
                    .help("todo-bootstrap up --profile kind")
            })?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let reference = path.display().to_string();
            let profile = Self::parse(&name, &Text { origin: reference.clone(), text })?;
            return Ok(Self { reference, ..profile });
        }
        let names = Self::names(data);
        let Some(text) = data.read(&format!("profiles/{reference}.toml"))? else {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let near = suggest(reference, &known);
            return Err(Error::usage(format!("there is no profile `{reference}`{near}"))
                .because(format!("the profiles are: {}", names.join(", ")))
                .help(format!("todo-bootstrap up --profile {}", names.first().map_or("FILE", |n| n))));
        };
        Self::parse(reference, &text)
    }

    /// Sets the number of nodes, unless `asked` is `None`.
    pub fn set_nodes(&mut self, asked: Option<u32>) -> Result<()> {
        self.cluster.nodes = asked.or(self.cluster.nodes);
        let several = self.cluster.nodes.filter(|nodes| *nodes > 1 && !self.provider.has_several_nodes());
        let Some(nodes) = several else { return Ok(()) };
        Err(Error::usage(format!("provider `{}` does not create several nodes", self.provider.name()))
            .because("pod network and binaries are prepared for the first node of minikube only")
            .help(format!("todo-bootstrap up --profile kind --nodes {nodes}")))
    }

    pub fn parse(name: &str, text: &Text) -> Result<Self> {
        Document::parse(&text.origin, &text.text)?.read(|fields| read(name, fields))
    }
}

fn read(name: &str, fields: &mut Fields<'_, '_>) -> Option<Profile> {
    let description = fields.opt_string("description").unwrap_or_default();
    if !fields.has("provider") {
        fields.string("provider");
    }
    let provider = fields.opt_choice("provider", &ProviderKind::ALL.map(|(name, _)| name));
    let provider = ProviderKind::ALL.iter().find(|(name, _)| Some(*name) == provider.as_deref());
    let preset = fields.opt_parsed("preset", |text| auto_or(text, dns_label)).unwrap_or(Amount::Auto);
    let addons = fields.strings("addons");
    let ingress_class = fields.opt_string("ingress-class");
    let default = ClusterSpec {
        name: "todo-bootstrap".to_owned(),
        nodes: None,
        cpus: Amount::Auto,
        memory: Amount::Auto,
        driver: None,
        http_port: 80,
        https_port: 443,
    };
    let cluster = if fields.has("cluster") {
        let chooses = provider.is_some_and(|(_, kind)| *kind == ProviderKind::Minikube);
        let several = provider.is_none_or(|(_, kind)| kind.has_several_nodes());
        fields.opt_table("cluster", |cluster| {
            let nodes = cluster.opt_integer("nodes", 1..=i64::from(MAX_NODES));
            if !several && nodes.is_some_and(|nodes| nodes > 1) {
                cluster.problem("nodes", "only the provider `kind` creates several nodes".to_owned());
            }
            if !chooses && cluster.has("driver") {
                cluster
                    .problem("driver", "only the provider `minikube` has drivers to choose from".to_owned());
            }
            read_cluster(cluster, nodes.and_then(|nodes| u32::try_from(nodes).ok()))
        })
    } else {
        Some(default)
    };
    Some(Profile {
        name: name.to_owned(),
        reference: name.to_owned(),
        description,
        provider: provider?.1,
        cluster: cluster?,
        preset,
        addons,
        ingress_class,
    })
}

fn read_cluster(fields: &mut Fields<'_, '_>, nodes: Option<u32>) -> Option<ClusterSpec> {
    let name = fields.opt_parsed("name", dns_label);
    let name = if fields.has("name") { name } else { Some("todo-bootstrap".to_owned()) };
    let cpus = fields.opt_parsed("cpus", |text| {
        auto_or(text, |text| {
            text.parse()
                .ok()
                .filter(|cpus| (1..=512).contains(cpus))
                .ok_or_else(|| "must be \"auto\" or from \"1\" to \"512\"".to_owned())
        })
    });
    let memory = fields.opt_parsed("memory", |text| auto_or(text, parse_bytes));
    let driver = fields.opt_string("driver");
    let mut port = |key: &str, default: u16| {
        let port = fields.opt_integer(key, 1..=65535).and_then(|port| u16::try_from(port).ok());
        port.unwrap_or(default)
    };
    let (http_port, https_port) = (port("http-port", 80), port("https-port", 443));
    Some(ClusterSpec {
        name: name?,
        nodes,
        cpus: cpus.unwrap_or(Amount::Auto),
        memory: memory.unwrap_or(Amount::Auto),
        driver,
        http_port,
        https_port,
    })
}

fn auto_or<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Amount<T>, String> {
    if text == "auto" { Ok(Amount::Auto) } else { parse(text).map(Amount::Given) }
}

/// A name that Kubernetes, container engines and file systems all accept.
pub(super) fn dns_label(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = !text.is_empty()
        && text.len() <= 40
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 40 of a-z, 0-9 and `-`, not starting or ending with `-`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Profile> {
        Profile::parse("p", &Text { origin: "p.toml".to_owned(), text: text.to_owned() })
    }

    #[test]
    fn every_embedded_profile_is_valid() {
        let data = Data::default();
        assert!(!Profile::names(&data).is_empty());
        for name in Profile::names(&data) {
            let text = data.read(&format!("profiles/{name}.toml")).unwrap().unwrap();
            Profile::parse(&name, &text).unwrap();
        }
    }

    #[test]
    fn what_is_not_given_is_left_to_the_host() {
        let profile = |text: &str| parse(&format!("provider = \"kind\"\n{text}\n"));
        let plain = profile("").unwrap();
        assert_eq!((plain.cluster.cpus, &plain.preset), (Amount::Auto, &Amount::Auto));
        assert_eq!((plain.cluster.http_port, plain.cluster.https_port), (80, 443));
        assert_eq!(profile("preset = \"auto\"").unwrap(), plain);
        assert_eq!(profile("preset = \"tiny\"").unwrap().preset, Amount::Given("tiny".to_owned()));
        assert!(profile("preset = \"not one\"").is_err());
        let driver = "[cluster]\ndriver = \"docker\"\n";
        assert!(profile(driver).unwrap_err().to_string().contains("`minikube`"));
        let minikube = parse(&format!("provider = \"minikube\"\n{driver}")).unwrap();
        assert_eq!(minikube.cluster.driver.as_deref(), Some("docker"));
    }

    #[test]
    fn only_kind_has_several_nodes() {
        let nodes = |provider: &str, nodes: u32| {
            parse(&format!("provider = \"{provider}\"\n[cluster]\nnodes = {nodes}\n"))
                .map(|profile| profile.cluster.nodes)
        };
        assert_eq!(nodes("kind", MAX_NODES).unwrap(), Some(9));
        assert_eq!(nodes("minikube", 1).unwrap(), Some(1));
        assert!(nodes("minikube", 2).unwrap_err().to_string().contains("only the provider `kind`"));
        for wrong in [0, MAX_NODES + 1] {
            let error = nodes("kind", wrong).unwrap_err().to_string();
            assert!(error.contains("cluster.nodes") && error.contains("from 1 to 9"), "{error}");
        }
    }

    #[test]
    fn names_every_mistake() {
        let error =
            parse("provider = \"knid\"\n[cluster]\nname = \"A b\"\nmemory = \"4 GB\"\nhttp-port = 0\n")
                .unwrap_err();
        assert_eq!(error.causes().len(), 4, "{error}");
        assert!(error.causes()[0].contains("did you mean `kind`?"), "{error}");
    }
}
