//! `images scan`: scans images for known vulnerabilities with an installed scanner.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::super::context::{Context, print_json};
use super::super::reach::application;
use super::list;
use crate::error::{self, Error, Exit, Result};
use crate::files::temp_dir;
use crate::images::scan::{Finding, Kind, Scanner, Severity};
use crate::steps::Session;
use crate::task::Task;
use crate::tools::TOOLS;
use crate::ui::{Table, data, printable};

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Names of images, as `images list` shows them [default: all of them]
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Exit with code 4 if a vulnerability of this severity or above is found
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    pub fail_on: Option<Severity>,
}

fn severity_parser() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(["low", "medium", "high", "critical"]).map(|name| Severity::parse(&name))
}

const NO_SCANNER: &str = "no scanner (trivy, grype) on PATH";
const INSTALL: &str = "todo-bootstrap tools install grype";

struct Scanned {
    name: String,
    reference: String,
    findings: Vec<Finding>,
}

pub(super) fn run(context: &Context<'_>, args: &ScanArgs) -> Result<Exit> {
    let session = context.session()?;
    let app = application(&session)?;
    args.images.iter().try_for_each(|image| super::known(app, &app.image_names(), image))?;
    let bench = context.bench()?;
    let task = bench.task("scan");
    let Some(scanner) = scanner(context, &session, &task)? else { return skipped(context, args) };
    let (name, path) = (scanner.kind.name(), scanner.path.display());
    context.ui.say(&format!("scanning with {name}: {path}, sha256 {}", scanner.sha256));
    let Some(registry) = list::registry(&session, &task)? else {
        return Err(Error::failed("the local registry is not running, so there is nothing to scan")
            .help("todo-bootstrap up"));
    };
    let folder = temp_dir(&session.paths.cache, "scan-")?;
    let mut all = Vec::new();
    for image in list::all(&session, &task, Some(&registry))? {
        if !args.images.is_empty() && !args.images.contains(&image.name) {
            continue;
        }
        let Some(stored) = image.stored else {
            return Err(Error::failed(format!("there is no image {} to scan", image.name))
                .because(image.why.unwrap_or_default())
                .help("todo-bootstrap up"));
        };
        let (archive, reference) = (folder.path().join("image.tar"), stored.in_archive());
        task.say(format!("reading {reference} from the local registry"));
        registry.client().export(&task, &stored.repository, &stored.digest, &reference, &archive)?;
        let findings = scanner.scan(&task, &reference, &archive)?;
        std::fs::remove_file(&archive).map_err(|e| Error::io("remove", &archive, &e))?;
        all.push(Scanned { name: image.name, reference, findings });
    }
    if context.json() {
        print_json(&document(&scanner, &all))?;
    } else {
        counts(&all);
        findings(&all, context.global.verbose);
    }
    verdict(&all, args.fail_on)
}

/// The scanner on PATH, else one that `tools install` installed.
fn scanner(context: &Context<'_>, session: &Session, task: &Task<'_>) -> Result<Option<Scanner>> {
    if let Some(scanner) = Scanner::find(context.process_env)? {
        return Ok(Some(scanner));
    }
    for kind in Kind::ALL.into_iter().filter(|kind| TOOLS.iter().any(|tool| tool.name == kind.name())) {
        if let Some(found) = session.origins.present_tool(task, kind.name())?.0 {
            return Ok(Some(Scanner { kind, path: found.path, sha256: found.sha256 }));
        }
    }
    Ok(None)
}

/// Without a scanner, the scan is skipped, but `--fail-on` fails.
fn skipped(context: &Context<'_>, args: &ScanArgs) -> Result<Exit> {
    if context.json() {
        print_json(&json!({ "skipped": NO_SCANNER, "help": INSTALL, "scanner": null, "images": [] }))?;
    } else {
        data(&format!("skipped: {NO_SCANNER}; help: {INSTALL}\n"));
    }
    if args.fail_on.is_none() {
        return Ok(Exit::Fine);
    }
    Err(Error::host("cannot evaluate --fail-on: nothing was scanned").because(NO_SCANNER).help(INSTALL))
}

fn document(scanner: &Scanner, all: &[Scanned]) -> Value {
    let image = |scanned: &Scanned| {
        let counts =
            Severity::ALL.map(|severity| (severity.name().to_owned(), count(scanned, severity).into()));
        json!({
            "name": scanned.name,
            "reference": scanned.reference,
            "counts": serde_json::Map::from_iter(counts),
            "findings": scanned.findings,
        })
    };
    let images: Vec<Value> = all.iter().map(image).collect();
    json!({ "skipped": null, "scanner": scanner, "images": images })
}

fn count(scanned: &Scanned, severity: Severity) -> usize {
    scanned.findings.iter().filter(|finding| finding.severity == severity).count()
}

fn counts(all: &[Scanned]) {
    let severities = Severity::ALL.map(|severity| format!(">{}", severity.name()));
    let heading: Vec<&str> = std::iter::once("image").chain(severities.iter().map(String::as_str)).collect();
    let mut table = Table::new(&heading);
    for scanned in all {
        let cells = Severity::ALL.map(|severity| count(scanned, severity).to_string());
        table.row(std::iter::once(scanned.name.clone()).chain(cells));
    }
    data(&table.render());
}

/// One line for each finding that is at least high, or for all with `--verbose`.
fn findings(all: &[Scanned], verbose: bool) {
    let least = if verbose { Severity::Unknown } else { Severity::High };
    let mut table = Table::new(&["severity", "id", "image", "package", "installed", "fixed in"]);
    let mut shown: Vec<(&str, &Finding)> = all
        .iter()
        .flat_map(|scanned| scanned.findings.iter().map(|finding| (scanned.name.as_str(), finding)))
        .filter(|(_, finding)| finding.severity >= least)
        .collect();
    shown.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    for (image, finding) in &shown {
        let fixed = if finding.fixed.is_empty() { "-" } else { &finding.fixed };
        // The names come from the image and may contain control characters.
        let cells =
            [finding.severity.name(), &finding.id, image, &finding.package, &finding.installed, fixed];
        table.row(cells.map(printable));
    }
    if !shown.is_empty() {
        data(&format!("\n{}", table.render()));
    }
    let rest = all.iter().map(|scanned| scanned.findings.len()).sum::<usize>() - shown.len();
    if rest > 0 {
        data(&format!("\n{rest} more below {} (-v shows them)\n", least.name()));
    }
}

fn verdict(all: &[Scanned], fail_on: Option<Severity>) -> Result<Exit> {
    let Some(least) = fail_on else { return Ok(Exit::Fine) };
    let severe = |scanned: &&Scanned| scanned.findings.iter().any(|finding| finding.severity >= least);
    let images: Vec<&str> = all.iter().filter(severe).map(|scanned| scanned.name.as_str()).collect();
    if images.is_empty() {
        return Ok(Exit::Fine);
    }
    Err(Error::new(
        error::Kind::CheckFailed,
        format!("found vulnerabilities of severity {} or above", least.name()),
    )
    .because(format!("affected images: {}", images.join(", ")))
    .help("todo-bootstrap images scan -v   # lists all of them, with the versions that fix them"))
}
