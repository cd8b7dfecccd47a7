//! What `.env` selects on its own: a database outside of the cluster, files, no cache, no accounts. Every `up`
//! includes the checks, so a user's journey passes with each of them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::config::set;
use super::{API, CACHE, DATABASE, PAGE, program, sql};
use crate::bed::{Bed, gateway, names};

const SERVER: &str = "/usr/lib/postgresql/15/bin";
const POOLER: &str = "/usr/sbin/pgbouncer";
const PASSWORD: &str = "outside-canary";

/// A pooler in transaction mode in front of the database, such as hosted databases have.
pub fn outside(bed: &Bed) {
    let before = Before::read(bed);
    let server = Outside::start(&gateway(&bed.node_container().0));
    set(&before.file, "DATABASE_URL", &server.url());
    bed.up();
    assert!(!exists(bed, "statefulset", DATABASE), "its own database is not needed");
    let tables =
        server.query("select count(*) from information_schema.tables where table_name in ('tasks', 'user')");
    assert_eq!(tables, "2", "both services migrated it");
    let key = server.query("select count(*) from jwks");
    assert_eq!(key, "1", "the journey's tokens are signed with a key in it");
    crate::steady::expect_unchanged(&bed.up());
    before.restore(bed);
}

/// Files in place of the database, then nothing in place of the cache and of accounts.
pub fn switched_off(bed: &Bed) {
    let before = Before::read(bed);
    set(&before.file, "DATABASE_URL", "sqlite:////data/todo.db");
    bed.up();
    assert!(!exists(bed, "statefulset", DATABASE));
    for service in [PAGE, API] {
        let claim = format!("{service}-data");
        assert!(exists(bed, "persistentvolumeclaim", &claim), "{claim} has the file of {service}");
    }
    set(&before.file, "REDIS_URL", "");
    bed.up();
    assert!(!exists(bed, "statefulset", CACHE), "no cache is installed");
    set(&before.file, "AUTH_JWKS_URL", "");
    bed.up();
    let config = bed.address().get("/api/config").expect("the API answers").body;
    assert!(config.contains("\"accounts\":false"), "{config}");
    let page = bed.address().get("/").expect("the page opens").body;
    assert!(page.contains("data-accounts=\"off\""), "{page}");
    before.restore(bed);
}

/// The settings and the rows before a scene, which brings both back.
struct Before {
    file: PathBuf,
    text: String,
    rows: Vec<String>,
}

impl Before {
    fn read(bed: &Bed) -> Self {
        let file = bed.project.join(".env");
        let text = fs::read_to_string(&file).expect("the .env that `up` created");
        Self { file, text, rows: users(bed) }
    }

    fn restore(self, bed: &Bed) {
        fs::write(&self.file, &self.text).expect("write .env");
        bed.up();
        assert_eq!(users(bed), self.rows, "the volume of its own database was kept");
    }
}

fn users(bed: &Bed) -> Vec<String> {
    sql(bed, "select email from \\\"user\\\" where email not like 'journey-%' order by 1")
}

fn exists(bed: &Bed, kind: &str, name: &str) -> bool {
    let all = bed.kubectl_json(&["get", kind, "--namespace", &bed.app.namespace]);
    names(&all).iter().any(|found| found == name)
}

/// `PostgreSQL` on this machine, and `PgBouncer` in front of it.
struct Outside {
    dir: TempDir,
    address: String,
    /// The ports of both.
    ports: [u16; 2],
    processes: Vec<Child>,
}

impl Outside {
    fn start(address: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let port = |address: &str| {
            let listener = TcpListener::bind((address, 0)).expect("a free port");
            listener.local_addr().expect("its address").port()
        };
        let ports = [port("127.0.0.1"), port(address)];
        let mut all = Self { dir, address: address.to_owned(), ports, processes: Vec::new() };
        let mut chown = all.as_owner("chown");
        chown.args(["-R", "postgres:"]).arg(all.dir.path()).uid(0);
        program(chown, "chown");
        let data = all.dir.path().join("data");
        let flags = ["-A", "trust", "-U", "todo", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"];
        let mut initdb = all.as_owner(&format!("{SERVER}/initdb"));
        initdb.args(flags).arg(&data).stdout(Stdio::null());
        program(initdb, "initdb");
        let settings = all.settings();
        fs::write(all.dir.path().join("pgbouncer.ini"), settings).expect("a file");
        fs::write(all.dir.path().join("users.txt"), format!("\"todo\" \"{PASSWORD}\"\n")).expect("a file");
        let sockets = format!("unix_socket_directories={}", all.dir.path().display());
        let mut server = all.as_owner(&format!("{SERVER}/postgres"));
        server.arg("-D").arg(&data).args(["-p", &ports[0].to_string()]);
        server.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", &sockets]);
        let mut pooler = all.as_owner(POOLER);
        pooler.arg("pgbouncer.ini");
        for mut command in [server, pooler] {
            let log = fs::File::create(all.dir.path().join(format!("{}.log", all.processes.len())));
            let child = command.stdout(Stdio::null()).stderr(log.expect("a file")).spawn();
            all.processes.push(child.expect("it starts"));
        }
        all.wait();
        program(all.psql("postgres", "create database app"), "create database");
        all
    }

    /// A command in the directory, as the user who owns the data: `PostgreSQL` refuses to run as root.
    fn as_owner(&self, name: &str) -> Command {
        let id = |flag: &str| -> u32 {
            let id = Command::new("id").args([flag, "postgres"]).output().expect("id");
            String::from_utf8_lossy(&id.stdout).trim().parse().expect("the ID of a user")
        };
        let mut command = Command::new(name);
        command.current_dir(self.dir.path()).uid(id("-u")).gid(id("-g"));
        command
    }

    fn settings(&self) -> String {
        let [server, pooler] = self.ports;
        let address = &self.address;
        format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=todo\n[pgbouncer]\nlisten_addr = {address}\n\
             listen_port = {pooler}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users.txt\n\
             pool_mode = transaction\ndefault_pool_size = 4\n"
        )
    }

    fn psql(&self, database: &str, statement: &str) -> Command {
        let url = format!("postgresql://todo@127.0.0.1:{}/{database}", self.ports[0]);
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement, &url]);
        psql
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.psql("postgres", "select 1").output().is_ok_and(|run| run.status.success()) {
            assert!(Instant::now() < end, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn query(&self, statement: &str) -> String {
        program(self.psql("app", statement), statement).trim().to_owned()
    }

    /// As the console of a hosted database shows it.
    fn url(&self) -> String {
        format!("postgresql://todo:{PASSWORD}@{}:{}/app?sslmode=disable", self.address, self.ports[1])
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let stop = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            if stop.is_ok_and(|status| status.success()) {
                let _ = child.wait();
            }
        }
    }
}
