//! Tries on a real machine, by hand: `TODO_BOOTSTRAP_LIVE=helm,image-etcd cargo test --profile ci --lib
//! source::live -- --ignored --nocapture`, with `TODO_BOOTSTRAP_CACHE` and Go's own variables.

use std::time::{Duration, Instant};

use super::Source;
use crate::cancel::Cancel;
use crate::config::{Paths, Versions};
use crate::data::Data;
use crate::engine::Engine;
use crate::exec::System;
use crate::progress::{Event, Reporter};
use crate::task::Task;
use crate::world::World;

/// Writes to standard error past the fence that is for the program, not for a try by hand.
struct Aloud(Instant);

impl Reporter for Aloud {
    fn report(&self, event: &Event) {
        use std::io::Write as _;
        let seconds = self.0.elapsed().as_secs_f32();
        let _ = writeln!(std::io::stderr(), "{seconds:7.1} {}", event.message);
    }
}

#[test]
#[ignore = "needs package registries, and an engine for images"]
fn makes_what_is_named() {
    let world = World::real();
    let names = world.var("TODO_BOOTSTRAP_LIVE").expect("TODO_BOOTSTRAP_LIVE names artifacts");
    let data = Data::new(world.var("TODO_BOOTSTRAP_LIVE_DATA").map(Into::into));
    let paths = Paths::new(&world).unwrap();
    let versions = Versions::load(&data).unwrap();
    let facts = crate::host::probe(&world, &paths.cache);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (runner, reporter, cancel) = (System::default(), Aloud(Instant::now()), Cancel::default());
    let task = Task {
        step: "live",
        runner: &runner,
        reporter: &reporter,
        cancel: &cancel,
        runtime: runtime.handle(),
        deadline: Instant::now() + Duration::from_hours(1),
    };
    let started = Instant::now();
    let source = Source::new(&world, &paths, &data, &versions, &facts).unwrap();
    task.say(format!("recipes read in {:?}", started.elapsed()));
    for name in names.split(',') {
        let started = Instant::now();
        task.say(format!("{name}: missing {:?}, {:?}", source.missing(name).unwrap(), source.refusal(name)));
        task.say(format!("{name}: looked up in {:?}", started.elapsed()));
        let engine =
            source.needs_engine(name).then(|| Engine::detect(&task, &world, &facts).unwrap().unwrap());
        let made = source.make(&task, engine.as_ref(), name).unwrap_or_else(|error| panic!("{error}"));
        task.say(format!("{:?} after {:?}", made.entry, started.elapsed()));
    }
}
