//! The commands in messages and in the documentation can be run: each `todo-bootstrap …` in a string of the source,
//! or in a code block or code span of a document, is parsed by our own command line. In messages, text after a command
//! is a shell comment.

use std::path::Path;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Cli;

/// The unescaped string literals of a source file, without those in its tests and comments.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let tail = &rest[at..];
        if tail.starts_with("//") {
            rest = tail.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(text) = tail.strip_prefix('"') {
            let hashes = rest[..at].bytes().rev().take_while(|byte| *byte == b'#').count();
            let raw = rest[..at - hashes].ends_with('r');
            let (text, after) = if raw { whole(text, hashes) } else { escaped(text) };
            found.push(text);
            rest = after;
        } else if tail.starts_with("'\"'") || tail.starts_with("'\\") {
            rest = &tail[3..];
        } else {
            rest = &tail[1..];
        }
    }
    found
}

fn whole(text: &str, hashes: usize) -> (String, &str) {
    let end = format!("\"{}", "#".repeat(hashes));
    let (text, after) = text.split_once(&end).unwrap_or((text, ""));
    (text.to_owned(), after)
}

fn escaped(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                // A line continuation skips the white space at the beginning of the next line.
                Some((next, '\n')) => {
                    let skipped = text[next..].len() - text[next..].trim_start().len();
                    chars = text.char_indices();
                    chars.nth(text[..next + skipped].chars().count() - 1);
                }
                Some((_, c)) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    (out, "")
}

/// Our commands in `text`: at its beginning, and after the punctuation that precedes commands.
fn commands(text: &str) -> Vec<String> {
    const PROGRAM: &str = "todo-bootstrap ";
    let is_command = |before: &str| {
        let word = before.trim_end_matches(' ').rsplit([' ', '\n', '`']).next().unwrap_or_default();
        let setting = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        });
        before.is_empty()
            || (setting && before.ends_with(' '))
            || ["`", ": ", ":  ", "&& ", "sudo ", "$(", "\n"].iter().any(|end| before.ends_with(end))
    };
    let places = text.match_indices(PROGRAM).filter(|(at, _)| is_command(&text[..*at]));
    let ends = ["   ", " && ", "; ", ", ", "` ", "`", ")", " |", " > ", " (", "\n", ": "];
    let command = |(at, _): (usize, _)| {
        let command = &text[at..];
        let end = ends.iter().filter_map(|end| command.find(end)).min().unwrap_or(command.len());
        command[..end].trim_end().to_owned()
    };
    places.map(command).collect()
}

/// `None` if our parser accepts the command, in which placeholders stand for any word.
fn refused(command: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    // The first line of the hashed inputs, and placeholders for any command.
    if command == "todo-bootstrap image inputs 4" || command.contains('…') || command.ends_with(" {command}")
    {
        return None;
    }
    for word in command.split_whitespace() {
        // More arguments may follow: `up{asked}`.
        let word = word.find('{').filter(|at| *at > 0).map_or(word, |at| &word[..at]);
        let inner = word.trim_matches(['[', ']']);
        let free = inner.contains('{') || inner.chars().all(|c| c.is_ascii_uppercase());
        words.push(if free {
            placeholder(words.last().map_or("", String::as_str))
        } else {
            inner.to_owned()
        });
    }
    let error = Cli::try_parse_from(&words).err()?;
    let fine = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    // A command that only names its group, such as `tools`, is correct.
    (!fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// The code of a Markdown document: each line of its blocks, without prompt and comment, and each span.
fn code(document: &str) -> Vec<String> {
    let (mut found, mut prose, mut in_block) = (Vec::new(), String::new(), false);
    for line in document.lines() {
        let line = line.trim_start();
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let command = line.strip_prefix("$ ").unwrap_or(line);
            found.push(command.split(" #").next().unwrap_or_default().trim_end().to_owned());
        } else {
            // A span may continue in the next line, but not in the next paragraph or row.
            prose += if line.is_empty() || line.starts_with(['|', '-']) { "\n\n" } else { " " };
            prose += line;
        }
    }
    for paragraph in prose.split("\n\n") {
        found.extend(paragraph.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    found
}

fn placeholder(before: &str) -> String {
    match before {
        "--nodes" => "3",
        "--timeout" => "1m",
        "--platform" => "linux/amd64",
        // `scale SERVICE PODS`
        "x" => "1",
        _ => "x",
    }
    .to_owned()
}

fn sources(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("help_tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_command_in_a_message_can_be_run() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut wrong, mut count) = (Vec::new(), Vec::new(), 0);
    sources(&src, &mut files);
    for file in files {
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        for text in literals(&std::fs::read_to_string(&file).unwrap()) {
            for command in commands(&text) {
                count += 1;
                if let Some(why) = refused(&command) {
                    wrong.push(format!("{name}: `{command}`: {why}"));
                }
            }
            let prose =
                text.split("   ").skip(1).any(|rest| !rest.starts_with(['#', ' ']) && !rest.is_empty());
            let command = text.split(' ').next().is_some_and(|first| PROGRAMS.contains(&first))
                || text.contains("todo-bootstrap ");
            if command && prose {
                wrong.push(format!("{name}: text after a command must be a comment: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} commands were found");
}

/// Other programs in messages.
const PROGRAMS: [&str; 20] = [
    "{}", "{name}", "colima", "curl", "df", "docker", "git", "go", "helm", "kind", "kubectl", "ls",
    "minikube", "npm", "podman", "rm", "ss", "sudo", "wsl", "--mirror",
];

#[test]
fn every_command_in_the_documentation_can_be_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().flatten().map(|entry| entry.path());
    let documents = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others =
        ["README.md", "manifests/todo-chatbot/README.md", "offline/README.md"].map(|name| root.join(name));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in documents.chain(others) {
        let name = path.strip_prefix(root).unwrap().display();
        for command in code(&std::fs::read_to_string(&path).unwrap()).iter().flat_map(|text| commands(text)) {
            count += 1;
            wrong.extend(refused(&command).map(|why| format!("{name}: `{command}`: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} commands were found");
}

#[test]
fn commands_in_documents_are_found() {
    let document = "Run `todo-bootstrap\nstop`, not todo-bootstrap x:\n\n```console\n$ todo-bootstrap up  # now\n```\n\
                    | `a` | `x $(todo-bootstrap url)` |\n1. a\n   ```sh\n   A=1 todo-bootstrap down && ls\n   ```\n";
    let found: Vec<String> = code(document).iter().flat_map(|text| commands(text)).collect();
    let wanted = ["todo-bootstrap up", "todo-bootstrap down", "todo-bootstrap stop", "todo-bootstrap url"];
    assert_eq!(found, wanted);
}

#[test]
fn invalid_commands_are_detected() {
    let all = |text: &str| commands(text).iter().filter_map(|command| refused(command)).count();
    for good in [
        "todo-bootstrap up --yes   # starts it",
        "HTTPS_PROXY=http://HOST:PORT todo-bootstrap up   # behind a proxy",
        "todo-bootstrap down && todo-bootstrap up --preset {first}",
        "clusters that todo-bootstrap did not make",
        "todo-bootstrap kubeconfig merge --file FILE",
    ] {
        assert_eq!(all(good), 0, "{good}");
    }
    for bad in
        ["todo-bootstrap doctor --repair", "then: todo-bootstrap env check --plain", "todo-bootstrap x && y"]
    {
        assert_eq!(all(bad), 1, "{bad}");
    }
    let source =
        "f(\"a \\\"b\\\" \\\n   c\", '\"', r#\"d \"e\"#); // \"f\"\n#[cfg(test)]\nmod tests { \"g\" }";
    assert_eq!(literals(source), ["a \"b\" c", "d \"e"]);
}
