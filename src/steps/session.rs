//! The state that the steps of a command share: the configuration and the results of earlier steps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

mod ports;

use tokio::sync::watch;

use super::early::Creation;
use super::{HostReceipt, Receipt};
use crate::addons::Addon;
use crate::cluster::{Fit, Ports, Provider, Sizes};
use crate::config::env::{CHECK, Environment};
use crate::config::{Application, Paths, Profile, ProviderKind, Versions};
use crate::data::Data;
use crate::engine::{Engine, Fault};
use crate::error::{Error, Result};
use crate::files;
use crate::host::Facts;
use crate::kubernetes::Kube;
use crate::local_registry::{self, LocalRegistry, Stored};
use crate::origins::{Found, Origins};
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// For each node, the `repository@digest` of the images that it pulled from the registry.
pub type NodeImages = BTreeMap<String, BTreeSet<String>>;

pub struct Session {
    inputs: Inputs,
    receipt: Mutex<Receipt>,
    /// Whether the receipt exists on disk.
    recorded: AtomicBool,
    pub(super) results: Results,
}

/// What a session is created from.
pub struct Inputs {
    pub process_env: ProcessEnv,
    pub data: Data,
    pub paths: Paths,
    pub versions: Versions,
    pub profile: Profile,
    pub application: Option<Application>,
    pub facts: Facts,
    pub origins: Origins,
    /// Whether the user agreed to install packages and to install and start an engine.
    pub consent: bool,
    pub options: UpOptions,
}

impl Deref for Session {
    type Target = Inputs;

    fn deref(&self) -> &Inputs {
        &self.inputs
    }
}

/// The results of steps, and cached values.
#[derive(Default)]
pub(super) struct Results {
    /// The selected preset and size, once the engine is known.
    pub fit: OnceLock<Fit>,
    /// The ports that were chosen for a new cluster, and whether they must be usable with our rights.
    ports: Mutex<Option<(bool, Ports)>>,
    /// Ports that the engine could not publish.
    refused_ports: Mutex<Vec<u16>>,
    addons: OnceLock<Vec<Arc<Addon>>>,
    environment: Mutex<Option<Arc<Environment>>>,
    engine: OnceLock<Engine>,
    kube: OnceLock<Kube>,
    tools: Mutex<BTreeMap<String, Found>>,
    registry: Mutex<Option<LocalRegistry>>,
    images: Mutex<BTreeMap<String, Stored>>,
    nodes: OnceLock<Vec<String>>,
    node_images: Mutex<Option<Arc<NodeImages>>>,
    /// By image: held by who pulls it into the nodes.
    pulls: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    creation: watch::Sender<Creation>,
    /// Whether this command created the cluster.
    new_cluster: AtomicBool,
    /// Whether this command installed the application or rolled it back.
    new_release: AtomicBool,
    /// Held while the digest key is created, so that concurrent steps get the same key.
    key_creation: Mutex<()>,
}

/// Options of `up`. By default, those with which the cluster was created apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpOptions {
    pub preset: Option<String>,
    pub nodes: Option<u32>,
    /// What the application is for: the name of one of its environments.
    pub environment: Option<String>,
    /// Use mocks instead of external services.
    pub mock: bool,
}

impl Session {
    /// Fails if the cluster was created by another provider: it must be deleted first.
    pub fn new(mut inputs: Inputs, receipt: Option<Receipt>) -> Result<Self> {
        inputs.profile.set_nodes(inputs.options.nodes)?;
        let profile = &inputs.profile;
        let name = &profile.cluster.name;
        // A receipt of an `up` that failed before it created a cluster does not bind the provider.
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
        Ok(Self { inputs, receipt: Mutex::new(receipt), recorded, results: Results::default() })
    }

    /// The title of steps about the cluster as a whole.
    pub fn cluster_title(&self) -> String {
        format!("Cluster {}", self.profile.cluster.name)
    }

    /// The state directory of the cluster.
    pub fn dir(&self) -> PathBuf {
        self.paths.cluster(&self.profile.cluster.name)
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir().join("kubeconfig")
    }

    pub fn receipt(&self) -> Receipt {
        lock(&self.receipt).clone()
    }

    /// Whether the cluster has a receipt on disk.
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Changes the receipt of the cluster and writes it.
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
        let _ = self.results.engine.set(engine);
    }

    /// Detects the container engine, unless that was done before; returns why there is none. Fails if the user
    /// selected another engine than the one that has the cluster.
    pub fn detect_engine(&self, task: &Task<'_>) -> Result<Option<Fault>> {
        if self.engine().is_ok() {
            return Ok(None);
        }
        let preference = self.receipt().allowed_preference(&self.profile, &self.process_env)?;
        let found = Engine::detect(task, &self.process_env, &self.facts, &preference)?;
        Ok(found.map(|engine| self.set_engine(engine)).err())
    }

    pub fn engine(&self) -> Result<&Engine> {
        self.results.engine.get().ok_or_else(|| unset("container engine"))
    }

    pub fn set_kube(&self, kube: Kube) {
        let _ = self.results.kube.set(kube);
    }

    pub fn kube(&self) -> Result<&Kube> {
        self.results.kube.get().ok_or_else(|| unset("connection to the cluster"))
    }

    pub fn set_tool(&self, found: Found) {
        lock(&self.results.tools).insert(found.name.clone(), found);
    }

    pub fn tool(&self, name: &str) -> Result<Found> {
        lock(&self.results.tools).get(name).cloned().ok_or_else(|| unset(name))
    }

    pub fn set_registry(&self, registry: LocalRegistry) {
        *lock(&self.results.registry) = Some(registry);
    }

    pub fn registry(&self) -> Result<LocalRegistry> {
        lock(&self.results.registry).clone().ok_or_else(|| unset("local registry"))
    }

    pub fn set_image(&self, name: &str, image: Stored) {
        lock(&self.results.images).insert(name.to_owned(), image);
    }

    pub fn image(&self, name: &str) -> Result<Stored> {
        lock(&self.results.images).get(name).cloned().ok_or_else(|| unset(name))
    }

    /// The image references for pods, by the name of the image.
    pub fn references(&self) -> BTreeMap<String, String> {
        lock(&self.results.images).iter().map(|(name, image)| (name.clone(), image.in_cluster())).collect()
    }

    /// The containers of the nodes of an existing cluster.
    pub fn nodes(&self, task: &Task<'_>) -> Result<&[String]> {
        if let Some(nodes) = self.results.nodes.get() {
            return Ok(nodes);
        }
        let nodes = self.provider()?.nodes(task)?;
        Ok(self.results.nodes.get_or_init(|| nodes))
    }

    /// The images of each node. The first caller lists them; concurrent callers wait for that list.
    pub fn node_images(&self, task: &Task<'_>) -> Result<Arc<NodeImages>> {
        let mut known = lock(&self.results.node_images);
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

    /// For who pulls that image into the nodes.
    pub fn pull_turn(&self, image: &str) -> Arc<Mutex<()>> {
        lock(&self.results.pulls).entry(image.to_owned()).or_default().clone()
    }

    pub fn set_creation(&self, creation: Creation) {
        self.results.creation.send_replace(creation);
    }

    pub fn creation(&self) -> Creation {
        *self.results.creation.borrow()
    }

    /// Waits until the nodes of a new cluster take images, or its creation is over.
    pub fn wait_for_creation(&self, task: &Task<'_>) -> Result<()> {
        let mut creation = self.results.creation.subscribe();
        task.wait("the wait for the nodes", async {
            // It ends with the session only.
            let _ = creation.wait_for(|creation| *creation != Creation::Ahead).await;
            Ok(())
        })
    }

    pub fn set_new_cluster(&self) {
        self.results.new_cluster.store(true, Ordering::Relaxed);
    }

    pub fn is_new_cluster(&self) -> bool {
        self.results.new_cluster.load(Ordering::Relaxed)
    }

    pub fn set_new_release(&self) {
        self.results.new_release.store(true, Ordering::Relaxed);
    }

    pub fn is_new_release(&self) -> bool {
        self.results.new_release.load(Ordering::Relaxed)
    }

    /// Clears the list after a pull.
    pub fn forget_node_images(&self) {
        *lock(&self.results.node_images) = None;
    }

    /// The addons of the profile.
    pub fn addons(&self) -> Result<&[Arc<Addon>]> {
        if let Some(addons) = self.results.addons.get() {
            return Ok(addons);
        }
        let addons = Addon::load_all(&self.data, &self.versions, &self.profile)?;
        Ok(self.results.addons.get_or_init(|| addons.into_iter().map(Arc::new).collect()))
    }

    /// The settings of `application`, read once: all steps use the same values even if `.env` is edited meanwhile.
    pub fn environment(&self, application: &Application) -> Result<Arc<Environment>> {
        let mut known = lock(&self.results.environment);
        if let Some(environment) = known.as_ref() {
            return Ok(environment.clone());
        }
        let environment = Arc::new(Environment::load(application)?);
        *known = Some(environment.clone());
        Ok(environment)
    }

    /// Like [`Session::environment`], but fails if the settings violate the contract.
    pub fn valid_environment(&self, application: &Application) -> Result<Arc<Environment>> {
        let environment = self.environment(application)?;
        environment.verdict().map_err(|error| error.help(CHECK))?;
        Ok(environment)
    }

    /// Makes the next caller read `.env` again, after it was written.
    pub fn forget_environment(&self) {
        *lock(&self.results.environment) = None;
    }

    /// The provider of the cluster.
    pub fn provider(&self) -> Result<Provider> {
        let (kind, receipt) = (self.profile.provider, self.receipt());
        if kind == ProviderKind::Existing {
            return Err(unavailable(kind));
        }
        Ok(Provider {
            kind,
            spec: self.profile.cluster.clone(),
            owner: receipt.owner(&self.paths.state),
            // A machine that became too small for the profile must not prevent the deletion of a cluster;
            // step `cluster` checks the sizes before it creates one.
            sizes: self.sizes().unwrap_or(Sizes { nodes: self.nodes_planned(), cpus: 0, memory: 0 }),
            engine: self.engine()?.clone(),
            tool: self.tool(kind.name()).map(|found| found.path).unwrap_or_default(),
            image: self.node_image_name(),
            kubeconfig: self.kubeconfig(),
            ports: self.ports(),
            registry: self.registry().ok().map(|registry| registry.host().to_owned()),
            encrypted: receipt.made.cluster.secrets_encrypted,
            data: self.data.clone(),
            versions: self.versions.clone(),
            process_env: self.process_env.clone(),
            facts: self.facts.clone(),
        })
    }

    /// The name of the node image in the engine. A cluster keeps the image that it was created from.
    fn node_image_name(&self) -> String {
        let made = self.receipt().made.cluster;
        let made = made.node_image.filter(|_| made.complete);
        let now = || self.image(super::node_image(self.profile.provider)).map(|image| image.in_archive());
        made.or_else(|| now().ok()).unwrap_or_default()
    }

    /// The key of the digests of the secrets; `None` before [`Session::make_digest_key`]. Equal values, equal digests.
    pub fn digest_key(&self) -> Result<Option<Vec<u8>>> {
        files::read(&self.digest_key_file())
    }

    /// Like [`Session::digest_key`], but creates the key if it does not exist.
    pub fn make_digest_key(&self) -> Result<Vec<u8>> {
        let _guard = lock(&self.results.key_creation);
        if let Some(key) = self.digest_key()? {
            return Ok(key);
        }
        let mut key = vec![0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::failed("cannot generate random numbers").because(error))?;
        let dir = self.dir();
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        files::write_atomic(&self.digest_key_file(), &key, 0o600)?;
        Ok(key)
    }

    fn digest_key_file(&self) -> PathBuf {
        self.dir().join("digest.key")
    }
}

/// The error for a provider that is not implemented.
pub fn unavailable(provider: ProviderKind) -> Error {
    let name = provider.name();
    Error::usage(format!("provider `{name}` is not available in this version"))
        .because("only `kind` and `minikube` are supported; nothing was changed")
        .help("todo-bootstrap up --profile kind")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Values are replaced as a whole, so they are valid even if a step panicked while it held the lock.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unset(what: &str) -> Error {
    Error::failed(format!("{what}: used before the step that provides it"))
        .help("this is a bug in todo-bootstrap; please report it with the output of `todo-bootstrap -v …`")
}
