//! What the steps of one command share: the configuration, and what earlier steps found or made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::{HostReceipt, Receipt};
use crate::addons::Addon;
use crate::cluster::kind::Kind;
use crate::cluster::minikube::Minikube;
use crate::cluster::{Fit, Local, Owner, Ports, Provider, Sizes};
use crate::config::env::{CHECK, Environment};
use crate::config::{Application, Paths, Profile, ProviderKind, Target, Versions};
use crate::data::Data;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::write_atomic;
use crate::host::{self, Facts};
use crate::kubeconfig;
use crate::kubernetes::Kube;
use crate::local_registry::{self, LocalRegistry, Stored};
use crate::origins::{Found, Origins};
use crate::task::Task;
use crate::world::World;

/// By node, `repository@digest` of the images that it has from the registry.
pub type NodeImages = BTreeMap<String, BTreeSet<String>>;

pub struct Session {
    pub world: World,
    pub data: Data,
    pub paths: Paths,
    pub versions: Versions,
    pub profile: Profile,
    pub application: Option<Application>,
    pub facts: Facts,
    pub origins: Origins,
    /// Whether the user agreed that an engine or packages are installed and the engine started.
    pub consent: bool,
    pub(super) wishes: Wishes,
    /// What was chosen, once the engine is known.
    pub(super) fit: OnceLock<Fit>,
    receipt: Mutex<Receipt>,
    /// Whether the cluster had a receipt when the command started.
    recorded: AtomicBool,
    ports: OnceLock<Ports>,
    addons: OnceLock<Vec<Arc<Addon>>>,
    /// The settings as this command first read them: [`Session::environment`].
    environment: Mutex<Option<Arc<Environment>>>,
    engine: OnceLock<Engine>,
    kube: OnceLock<Kube>,
    tools: Mutex<BTreeMap<String, Found>>,
    registry: Mutex<Option<LocalRegistry>>,
    images: Mutex<BTreeMap<String, Stored>>,
    /// The nodes of the cluster, asked for once: [`Session::nodes`].
    nodes: OnceLock<Vec<String>>,
    /// What each node holds, asked for once: [`Session::node_images`].
    node_images: Mutex<Option<Arc<NodeImages>>>,
    /// Whether this command made the cluster.
    new_cluster: AtomicBool,
    /// Held while the key of digests is made: two steps that both need it must get the same.
    making_key: Mutex<()>,
}

/// What a command gives to make a session.
pub struct Parts {
    pub world: World,
    pub data: Data,
    pub paths: Paths,
    pub versions: Versions,
    pub profile: Profile,
    pub receipt: Option<Receipt>,
    pub application: Option<Application>,
    pub facts: Facts,
    pub origins: Origins,
    pub consent: bool,
    pub wishes: Wishes,
}

/// What the command line asks for; without it, what the cluster was made with counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    pub preset: Option<String>,
    pub target: Option<Target>,
    /// That nothing outside is called, as far as the application can do without.
    pub mock: bool,
}

impl Session {
    /// Takes up the cluster's receipt where there is one. A receipt of another provider is
    /// refused: that cluster must go first.
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts { world, data, paths, versions, profile, receipt, application, .. } = parts;
        let Parts { facts, origins, consent, wishes, .. } = parts;
        let name = &profile.cluster.name;
        // That of an `up` that never came to making a cluster binds nobody.
        let receipt = receipt.filter(|receipt| receipt.began() || receipt.provider == profile.provider);
        if let Some(receipt) = &receipt
            && receipt.provider != profile.provider
        {
            let (old, new) = (receipt.provider.name(), profile.provider.name());
            return Err(Error::refused(format!("cluster `{name}` was created by {old}, not by {new}"))
                .help(format!("todo-bootstrap down --profile {}", receipt.profile)));
        }
        let recorded = AtomicBool::new(receipt.is_some());
        let receipt = receipt.unwrap_or_else(|| Receipt::new(name, profile.provider, &profile.name));
        Ok(Self {
            world,
            data,
            paths,
            versions,
            profile,
            application,
            facts,
            origins,
            consent,
            wishes,
            fit: OnceLock::new(),
            receipt: Mutex::new(receipt),
            recorded,
            ports: OnceLock::new(),
            addons: OnceLock::new(),
            environment: Mutex::default(),
            engine: OnceLock::new(),
            kube: OnceLock::new(),
            tools: Mutex::default(),
            registry: Mutex::default(),
            nodes: OnceLock::new(),
            images: Mutex::default(),
            node_images: Mutex::default(),
            new_cluster: AtomicBool::new(false),
            making_key: Mutex::default(),
        })
    }

    /// The directory of this cluster's state.
    pub fn dir(&self) -> PathBuf {
        self.paths.cluster(&self.profile.cluster.name)
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir().join("kubeconfig")
    }

    /// Whether the cluster's kubeconfig is there and undamaged.
    pub fn has_kubeconfig(&self) -> bool {
        kubeconfig::damage(&self.kubeconfig()).is_none()
    }

    pub fn receipt(&self) -> Receipt {
        lock(&self.receipt).clone()
    }

    /// Whether there is a receipt of this cluster.
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    /// What the application's images are built for: what was asked for, else that of the last `up`.
    pub fn target(&self) -> Target {
        self.wishes.target.or(self.receipt().target).unwrap_or_default()
    }

    /// Changes the receipt and writes it before anything else happens.
    pub fn record(&self, change: impl FnOnce(&mut Receipt)) -> Result<()> {
        let mut receipt = lock(&self.receipt);
        change(&mut receipt);
        receipt.save(&self.dir())?;
        self.recorded.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Changes the receipt of the machine and writes it.
    pub fn record_host(&self, change: impl FnOnce(&mut HostReceipt)) -> Result<()> {
        let mut receipt = HostReceipt::load(&self.paths.state)?;
        change(&mut receipt);
        receipt.save(&self.paths.state)
    }

    pub fn set_engine(&self, engine: Engine) {
        let _ = self.engine.set(engine);
    }

    pub fn engine(&self) -> Result<&Engine> {
        self.engine.get().ok_or_else(|| unset("container engine"))
    }

    pub fn set_kube(&self, kube: Kube) {
        let _ = self.kube.set(kube);
    }

    pub fn kube(&self) -> Result<&Kube> {
        self.kube.get().ok_or_else(|| unset("connection to the cluster"))
    }

    pub fn set_tool(&self, found: Found) {
        lock(&self.tools).insert(found.name.clone(), found);
    }

    pub fn tool(&self, name: &str) -> Result<Found> {
        lock(&self.tools).get(name).cloned().ok_or_else(|| unset(name))
    }

    pub fn set_registry(&self, registry: LocalRegistry) {
        *lock(&self.registry) = Some(registry);
    }

    pub fn registry(&self) -> Result<LocalRegistry> {
        lock(&self.registry).clone().ok_or_else(|| unset("local registry"))
    }

    pub fn set_image(&self, name: &str, image: Stored) {
        lock(&self.images).insert(name.to_owned(), image);
    }

    pub fn image(&self, name: &str) -> Result<Stored> {
        lock(&self.images).get(name).cloned().ok_or_else(|| unset(name))
    }

    /// The references for pods by name, of all images that this command knows.
    pub fn references(&self) -> BTreeMap<String, String> {
        lock(&self.images).iter().map(|(name, image)| (name.clone(), image.in_cluster())).collect()
    }

    /// The containers of the cluster's nodes, once the cluster is there.
    pub fn nodes(&self, task: &Task<'_>) -> Result<&[String]> {
        if let Some(nodes) = self.nodes.get() {
            return Ok(nodes);
        }
        let nodes = self.provider()?.nodes(task)?;
        Ok(self.nodes.get_or_init(|| nodes))
    }

    /// What each node has. The first who asks lists it all; the others wait for that list.
    pub fn node_images(&self, task: &Task<'_>) -> Result<Arc<NodeImages>> {
        let mut known = lock(&self.node_images);
        if let Some(images) = known.as_ref() {
            return Ok(images.clone());
        }
        let mut images = NodeImages::new();
        for node in self.nodes(task)? {
            let has = local_registry::node_images(task, self.engine()?, node)?;
            images.insert(node.clone(), has);
        }
        let images = Arc::new(images);
        *known = Some(images.clone());
        Ok(images)
    }

    pub fn set_new_cluster(&self) {
        self.new_cluster.store(true, Ordering::Relaxed);
    }

    pub fn is_new_cluster(&self) -> bool {
        self.new_cluster.load(Ordering::Relaxed)
    }

    /// After a pull the list is old.
    pub fn forget_node_images(&self) {
        *lock(&self.node_images) = None;
    }

    /// The addons of the profile.
    pub fn addons(&self) -> Result<&[Arc<Addon>]> {
        if let Some(addons) = self.addons.get() {
            return Ok(addons);
        }
        let addons = Addon::load_all(&self.data, &self.versions, &self.profile)?;
        Ok(self.addons.get_or_init(|| addons.into_iter().map(Arc::new).collect()))
    }

    /// The settings of `application`, read once: an edit of `.env` while the command runs must not give
    /// one step other values than the next.
    pub fn environment(&self, application: &Application) -> Result<Arc<Environment>> {
        let mut known = lock(&self.environment);
        if let Some(environment) = known.as_ref() {
            return Ok(environment.clone());
        }
        let environment = Arc::new(Environment::load(application)?);
        *known = Some(environment.clone());
        Ok(environment)
    }

    /// As [`Session::environment`], for steps that need settings that fulfil the contract.
    pub fn valid_environment(&self, application: &Application) -> Result<Arc<Environment>> {
        let environment = self.environment(application)?;
        environment.verdict().map_err(|error| error.help(CHECK))?;
        Ok(environment)
    }

    /// After this command wrote `.env`, it is read again.
    pub fn forget_environment(&self) {
        *lock(&self.environment) = None;
    }

    /// The host ports of the ingress controller: those of the receipt, or ports that were free when this
    /// command asked first.
    pub fn ports(&self) -> Ports {
        let made = self.receipt().made.cluster;
        if let (Some(http), Some(https)) = (made.http_port, made.https_port) {
            return Ports { http, https };
        }
        *self.ports.get_or_init(|| {
            let wanted = &self.profile.cluster;
            let http = host::free_port(wanted.http_port, &[]);
            Ports { http, https: host::free_port(wanted.https_port, &[http]) }
        })
    }

    /// The provider of this cluster. A provider that is not built is an error, never a silent
    /// replacement.
    pub fn provider(&self) -> Result<Box<dyn Provider>> {
        Ok(match self.profile.provider {
            ProviderKind::Kind => Box::new(Kind::new(self.local()?)),
            ProviderKind::Minikube => {
                Box::new(Minikube::new(self.local()?, self.world.clone(), self.facts.clone()))
            }
            ProviderKind::Existing => return Err(unavailable(self.profile.provider)),
        })
    }

    /// The name of the node's image in the engine: a cluster keeps the one that it was made of.
    fn node_image_name(&self) -> String {
        let made = self.receipt().made.cluster;
        let made = made.node_image.filter(|_| made.complete);
        let now = || self.image(super::node_image(self.profile.provider)).map(|image| image.in_archive());
        made.or_else(|| now().ok()).unwrap_or_default()
    }

    fn local(&self) -> Result<Local> {
        let (provider, receipt) = (self.profile.provider, self.receipt());
        Ok(Local {
            spec: self.profile.cluster.clone(),
            owner: Owner {
                instance: receipt.instance.clone(),
                began: receipt.began(),
                state: self.paths.state.clone(),
            },
            // A machine that became too small for the profile must not keep a cluster from going;
            // the cluster's own step asks for the sizes before it makes one.
            sizes: self.sizes().unwrap_or(Sizes { cpus: 0, memory: 0 }),
            engine: self.engine()?.clone(),
            tool: self.tool(provider.name()).map(|found| found.path).unwrap_or_default(),
            image: self.node_image_name(),
            kubeconfig: self.kubeconfig(),
            ports: self.ports(),
            data: self.data.clone(),
            versions: self.versions.clone(),
            path: self.world.env.get("PATH").cloned().unwrap_or_default(),
        })
    }

    /// The key of this cluster's digests of secrets; `None` before [`Session::make_digest_key`]. Equal
    /// values have equal digests as long as the cluster's state lives, and mean nothing to anybody else.
    pub fn digest_key(&self) -> Result<Option<Vec<u8>>> {
        let path = self.digest_key_file();
        match std::fs::read(&path) {
            Ok(key) => Ok(Some(key)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, &error)),
        }
    }

    /// As [`Session::digest_key`]; makes the key where there is none.
    pub fn make_digest_key(&self) -> Result<Vec<u8>> {
        let _turn = lock(&self.making_key);
        if let Some(key) = self.digest_key()? {
            return Ok(key);
        }
        let mut key = vec![0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::failed("cannot generate the key of digests").because(error))?;
        let dir = self.dir();
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        write_atomic(&self.digest_key_file(), &key, 0o600)?;
        Ok(key)
    }

    fn digest_key_file(&self) -> PathBuf {
        self.dir().join("digest.key")
    }
}

/// The error of a profile whose provider does not exist yet.
pub fn unavailable(provider: ProviderKind) -> Error {
    let name = provider.name();
    Error::usage(format!("provider `{name}` is not available in this version"))
        .because("only `kind` and `minikube` are supported; nothing was changed")
        .help("todo-bootstrap up --profile kind")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A step that panicked while it held the lock left whole values behind: they are inserted in
    // one go.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unset(what: &str) -> Error {
    Error::failed(format!("{what}: used before the step that provides it"))
        .help("this is a bug in todo-bootstrap; please report it with the output of `todo-bootstrap -v …`")
}
