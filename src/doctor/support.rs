//! Whether the pinned versions and the engine still receive patches.

use super::{Answer, Inputs};
use crate::engine::Engine;
use crate::pins::Due;

/// The pinned versions belong to the program: a newer one has newer versions.
const UPDATE: &str = "git pull && ./install.sh   # or, outside a checkout: install.sh --from-release";

pub(super) fn pins(inputs: &Inputs<'_>) -> Answer {
    let Some(pinned) = inputs.pinned else { return Answer::ok("not available") };
    let near: Vec<String> = pinned.due.iter().filter(|due| due.is_near()).map(Due::to_string).collect();
    if !near.is_empty() {
        return Answer::warn(near.join("; "), UPDATE);
    }
    Answer::ok(match pinned.due.first() {
        Some(first) => format!("all supported; {first}"),
        None => "no end of support is known".to_owned(),
    })
}

/// The finding for an engine version that its project no longer supports.
pub(super) fn engine(inputs: &Inputs<'_>, engine: &Engine) -> Option<String> {
    let pinned = inputs.pinned?;
    let line = pinned.support.line(&engine.name.to_lowercase(), &engine.version)?;
    let end = line.ended(pinned.today)?;
    Some(format!(
        "{} has not been supported by its project since {end}, but may be supported by the distribution",
        line.title
    ))
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;
    use crate::doctor::{Finding, PROBES, Pinned, Severity, inputs};
    use crate::engine::testing::engine;
    use crate::host::recorded::debian;
    use crate::pins::Support;

    const SUPPORT: &str = "reviewed = \"2026-11-29\"\n[products.docker]\ntitle = \"Docker Engine\"\n\
        source = \"s\"\n[products.docker.lines]\n28 = { ends = \"2026-05-13\" }\n29 = { open = \"o\" }\n";

    fn finding(code: &str, today: Date, lefts: &[i32], version: &str) -> Finding {
        let engine = Engine { version: version.to_owned(), ..engine() };
        let due = lefts.iter().map(|left| Due {
            line: format!("Thing {left}"),
            pins: vec!["thing".to_owned()],
            on: today.saturating_add(jiff::Span::new().days(*left)),
            left: *left,
        });
        let support = Support::parse("support.toml", SUPPORT).unwrap();
        let pinned = Pinned { today, support, due: due.collect() };
        let facts = debian();
        let inputs = Inputs { engine: Some(&engine), pinned: Some(&pinned), ..inputs(&facts) };
        PROBES.iter().find(|probe| probe.code == code).unwrap().run(&inputs)
    }

    #[test]
    fn what_loses_support_within_sixty_days_is_a_warning_with_the_way_out() {
        let today = date(2026, 12, 31);
        let of = |lefts: &[i32]| finding("support-ends", today, lefts, "29.1.0");
        let found = of(&[59, 61]);
        assert_eq!(found.severity, Severity::Warn);
        assert_eq!(found.detail, "Thing 59 (thing) loses support on 2027-02-28, in 59 days");
        assert!(found.remedy.unwrap().contains("install.sh"));
        let found = of(&[61]);
        assert_eq!((found.severity, found.remedy), (Severity::Ok, None));
        assert!(found.detail.contains("2027-03-02"), "{}", found.detail);
        let found = of(&[-1, 60]);
        assert!(found.detail.contains("Thing -1 (thing) has been out of support since 2026-12-30; Thing 60"));
        assert_eq!(of(&[]).severity, Severity::Ok);
    }

    #[test]
    fn an_engine_that_its_project_gave_up_is_told_and_is_no_fault() {
        let of = |version: &str| finding("engine", date(2026, 11, 29), &[], version);
        let found = of("28.5.2");
        assert_eq!(found.severity, Severity::Ok);
        assert!(
            found.detail.contains("Docker Engine 28 has not been supported by its project since 2026-05-13")
        );
        assert!(!of("29.1.0").detail.contains("support"));
        assert!(!of("99").detail.contains("support"));
    }
}
