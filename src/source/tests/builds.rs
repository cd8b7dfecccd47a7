//! Builds: once, resumed, at the same time, stopped.

use super::*;

#[test]
fn makes_what_is_missing_once() {
    let bench = Bench::new();
    let maker = Maker::default();
    let (made, recorder) = bench.make(&maker, "t-layers");
    let made = made.unwrap();
    assert_eq!((made.entry.kind.as_str(), made.entry.platform.as_str()), ("image", "linux/amd64"));
    assert_eq!(crate::files::sha256_file(&made.file()).unwrap().0, made.entry.sha256);
    assert!(recorder.said().contains("3 of 3 built"), "{}", recorder.said());
    let mut ran = maker.ran();
    ran.sort();
    assert_eq!(ran.len(), 3, "{ran:#?}");
    assert!(ran.iter().all(|argv| argv.starts_with("go build -mod=readonly -trimpath -buildvcs=false")));
    assert!(ran.iter().any(|argv| argv.ends_with("/out/other x.org/t/v3")), "{ran:#?}");

    let second = Maker::default();
    assert_eq!(bench.make(&second, "t-layers").0.unwrap(), made);
    assert!(second.ran().is_empty());
    let program = bench.source().unwrap().cached("t-b").unwrap().unwrap();
    assert_eq!((program.entry.version.as_str(), program.outputs.len()), ("3.0.1", 2));
}

#[test]
fn goes_on_after_a_failure_and_names_the_log() {
    let bench = Bench::new();
    let maker = Maker { fails: Some("./cmd/t-b"), ..Maker::default() };
    let error = bench.make(&maker, "t-layers").0.unwrap_err();
    let log = bench.path("cache/logs/t-b.log");
    let text = error.to_string();
    assert!(text.starts_with("cannot build t-b from source") && text.contains("it broke"), "{text}");
    assert!(text.contains(&format!("help: less {}", log.display())), "{text}");
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("$ go build") && logged.contains("a line of its output"), "{logged}");
    assert_eq!(std::fs::read_dir(bench.path("cache/work/t-b")).unwrap().count(), 0);
}

#[test]
fn a_module_that_does_not_arrive_is_asked_for_again() {
    let bench = Bench::new();
    let maker = Maker { offline: 1.into(), ..Maker::default() };
    let (made, recorder) = bench.make(&maker, "t-a");
    made.unwrap();
    assert_eq!(maker.ran().len(), 2);
    assert!(recorder.said().contains("trying again in 2 s"), "{}", recorder.said());
}

#[test]
fn goes_on_where_a_failed_build_stopped() {
    let bench = Bench::new();
    let maker = Maker { fails: Some("docker build"), engine: docker(), ..Maker::default() };
    assert!(bench.make(&maker, "t-image").0.unwrap_err().to_string().contains("cannot build t-image"));
    assert_eq!(bench.source().unwrap().missing("t-image").unwrap(), ["t-image"]);
    let second = Maker { engine: docker(), ..Maker::default() };
    bench.make(&second, "t-image").0.unwrap();
    assert!(second.ran().iter().all(|argv| argv.starts_with("docker ")), "{:#?}", second.ran());
}

#[test]
fn what_a_killed_build_left_is_neither_used_nor_kept() {
    let bench = Bench::new();
    let half = bench.cache_of("t-a");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("t-a"), "half").unwrap();
    bench.write("cache/work/t-a/left/out/t-a", "half");
    let maker = Maker::default();
    let made = bench.make(&maker, "t-a").0.unwrap();
    assert_eq!(maker.ran().len(), 1);
    assert_eq!(std::fs::read_to_string(made.file()).unwrap(), "program example.com/t/cmd/t-a");
    assert_eq!(std::fs::read_dir(bench.path("cache/work/t-a")).unwrap().count(), 0);
}

#[test]
fn a_changed_artifact_is_removed_and_built_again() {
    let bench = Bench::new();
    let made = bench.make(&Maker::default(), "t-layers").0.unwrap();
    let program = bench.source().unwrap().cached("t-a").unwrap().unwrap().file();
    for file in [&made.file(), &program] {
        let mut bytes = std::fs::read(file).unwrap();
        bytes[3] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    let maker = Maker::default();
    let (again, recorder) = bench.make(&maker, "t-layers");
    assert_eq!(again.unwrap(), made, "the same inputs give the same archive");
    assert_eq!(maker.ran().len(), 1, "t-b was whole");
    assert_eq!(recorder.said().matches("does not match its record; removing").count(), 2);
}

#[test]
fn two_processes_do_not_make_the_same_thing() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("cache/locks")).unwrap();
    let other = std::fs::File::create(bench.path("cache/locks/t-a.lock")).unwrap();
    other.lock().unwrap();
    let maker = Maker::default();
    std::thread::scope(|scope| {
        let build = scope.spawn(|| bench.make(&maker, "t-a"));
        // Long enough for a busy machine to come to the lock.
        std::thread::sleep(Duration::from_secs(1));
        assert!(maker.ran().is_empty());
        other.unlock().unwrap();
        let (made, recorder) = build.join().unwrap();
        made.unwrap();
        assert!(recorder.said().contains("waiting for t-a, which another process builds"));
    });
}

/// Runs nothing until it is let.
struct Gate<'a> {
    maker: &'a Maker,
    open: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Runner for Gate<'_> {
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        on_line("example.com/t/cmd/t-a");
        self.open.lock().unwrap().recv().unwrap();
        self.maker.run(cmd, cancel, on_line)
    }

    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError> {
        self.maker.detach(cmd, log)
    }
}

#[test]
fn a_step_says_which_other_step_it_waits_for() {
    let bench = Bench::new();
    let source = bench.source().unwrap();
    let (maker, (open, gate)) = (Maker::default(), std::sync::mpsc::channel());
    let gate = Gate { maker: &maker, open: gate.into() };
    let (one, two) = (Parts::default(), Parts::default());
    let until_said = |parts: &Parts, text: &str| {
        let start = std::time::Instant::now();
        while !parts.recorder.said().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(30), "not said: {text}: {}", parts.recorder.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| source.make(&Task { step: "tool-t", ..one.task(&gate) }, None, "t-a"));
        until_said(&one, "t-a (");
        let second = scope.spawn(|| source.make(&Task { step: "image-t", ..two.task(&maker) }, None, "t-a"));
        until_said(&two, "waiting for t-a, which step tool-t builds (");
        // The line follows what the compiler says.
        until_said(&one, ": package 1, example.com/t/cmd/t-a");
        open.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap(), second.join().unwrap().unwrap());
    });
    assert_eq!(maker.ran().len(), 1);
}

#[test]
fn go_builds_are_at_most_two_at_once() {
    let bench = Bench::new();
    let mut files = String::new();
    for n in 0..6 {
        bench.recipe(&format!("t-g{n}"), &GO_A.replace("t-a", &format!("t-g{n}")));
        files.push_str(&format!("\"p{n}\" = \"t-g{n}/t-g{n}\"\n"));
    }
    bench.recipe("t-all", &format!("kind = \"layers\"\ntag = \"t:1\"\n[files]\n{files}"));
    let maker = Maker::default();
    bench.make(&maker, "t-all").0.unwrap();
    assert_eq!(maker.ran().len(), 6);
    assert_eq!(maker.most_at_once.load(Ordering::SeqCst), 2);
}

#[test]
fn an_interrupt_ends_it_as_interrupted() {
    let bench = Bench::new();
    let interrupted = |task: &Task<'_>| {
        task.cancel.cancel(Reason::Interrupted);
        bench.source().unwrap().make(task, None, "t-layers")
    };
    let error = with_task(&Maker::default(), interrupted).0.unwrap_err();
    assert_eq!(error.exit(), crate::error::Exit::Interrupted, "{error}");
}

#[test]
fn of_what_was_made_before_only_the_newest_is_kept() {
    let bench = Bench::new();
    bench.recipe("t-a-b", &GO_A.replace("t-a", "t-a-b"));
    bench.make(&Maker::default(), "t-a-b").0.unwrap();
    for sums in ["one", "two", "three"] {
        bench.write("offline/go/t-mod/go.sum", sums);
        bench.make(&Maker::default(), "t-a").0.unwrap();
    }
    let kept = std::fs::read_dir(bench.path("cache/artifacts")).unwrap().flatten();
    let names: Vec<String> = kept.map(|entry| entry.file_name().display().to_string()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("t-a-") && !name.starts_with("t-a-b")).count(), 2);
    assert_eq!(names.iter().filter(|name| name.starts_with("t-a-b-")).count(), 1, "{names:?}");
}
