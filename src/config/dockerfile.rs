//! The stages and arguments of a Dockerfile, and which features of the builder it needs.

/// Names only; nothing is expanded, and here-documents are not distinguished from instructions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// As written; Docker compares them without regard to case.
    stages: Vec<String>,
    args: Vec<String>,
    buildkit: Option<String>,
}

impl Dockerfile {
    pub fn parse(text: &str) -> Self {
        let mut found = Self { buildkit: syntax(text), ..Self::default() };
        for instruction in instructions(text) {
            let words: Vec<&str> = instruction.split_whitespace().collect();
            found.buildkit = found.buildkit.or_else(|| beyond_legacy(&words));
            match words.as_slice() {
                [from, .., r#as, name] if is(from, "FROM") && is(r#as, "AS") => {
                    found.stages.push((*name).to_owned());
                }
                [arg, names @ ..] if is(arg, "ARG") => {
                    let name = |word: &&str| word.split('=').next().unwrap_or_default().to_owned();
                    found.args.extend(names.iter().map(name));
                }
                _ => {}
            }
        }
        found
    }

    pub fn has_stage(&self, name: &str) -> bool {
        self.stages.iter().any(|stage| is(stage, name))
    }

    /// The first thing in it that only `BuildKit` (or Buildah) can build, such as `RUN --mount`.
    pub fn needs_buildkit(&self) -> Option<&str> {
        self.buildkit.as_deref()
    }

    pub fn has_arg(&self, name: &str) -> bool {
        self.args.iter().any(|arg| arg == name)
    }
}

/// The directive that names another syntax, which only `BuildKit` knows: `# syntax=…` in the first lines.
fn syntax(text: &str) -> Option<String> {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
    let mut keys = directives.map(|(key, _)| key.trim()).take_while(|key| !key.contains(' '));
    keys.any(|key| is(key, "syntax")).then(|| "# syntax=".to_owned())
}

/// What the legacy builder cannot do: flags other than `--from` and `--chown`, and here-documents.
fn beyond_legacy(words: &[&str]) -> Option<String> {
    let (instruction, rest) = words.split_first()?;
    let instruction = instruction.to_ascii_uppercase();
    if !["RUN", "COPY", "ADD"].contains(&instruction.as_str()) {
        return None;
    }
    let flags = rest.iter().take_while(|word| word.starts_with("--"));
    let mut names = flags.map(|flag| flag.split('=').next().unwrap_or_default());
    let flag = names.find(|name| !["--from", "--chown"].contains(name));
    let document = rest.iter().find(|word| opens_document(word));
    flag.or(document.map(|_| "<<")).map(|what| format!("{instruction} {what}"))
}

/// `<<EOF`, `<<-"EOF"`, `3<<EOF`; not `<<<text`, which is the shell's own.
fn opens_document(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<");
    let name = rest.map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    name.is_some_and(|name| name.starts_with(|c: char| c.is_alphanumeric() || "_\"'".contains(c)))
}

fn is(word: &str, other: &str) -> bool {
    word.eq_ignore_ascii_case(other)
}

/// Lines that belong together as one; comments, also those within, are left out.
fn instructions(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(start) = line.strip_suffix('\\') {
            open.push_str(start);
            open.push(' ');
            continue;
        }
        open.push_str(line);
        all.push(std::mem::take(&mut open));
    }
    all.push(open);
    all
}

#[cfg(test)]
mod tests {
    use super::Dockerfile;

    #[test]
    fn stages_and_arguments_are_found() {
        let file = Dockerfile::parse(
            "# FROM x AS no\nARG BASE=a:1 BUILD_TARGET\nFROM --platform=linux/amd64 ${BASE} as Dev\n\
             RUN echo \\\n  # FROM y AS never\n  FROM z AS neither\narg ENVIRONMENT=\"p\"\nFROM scratch\n",
        );
        assert!(file.has_stage("dev") && file.has_arg("BASE") && file.has_arg("BUILD_TARGET"));
        assert!(file.has_arg("ENVIRONMENT") && !file.has_arg("environment"));
        assert_eq!(file.stages, ["Dev"]);
    }

    #[test]
    fn what_the_legacy_builder_cannot_do_is_found() {
        for (text, needs) in [
            ("FROM a\nRUN --mount=type=cache,target=/x \\\n  make", Some("RUN --mount")),
            ("FROM a\nRUN --network=none make", Some("RUN --network")),
            ("FROM a\nCOPY --chown=1 --chmod=0755 a b", Some("COPY --chmod")),
            ("FROM a\nadd --link a b", Some("ADD --link")),
            ("FROM a\nRUN <<EOF\nmake\nEOF", Some("RUN <<")),
            ("FROM a\nCOPY <<-'EOF' /b\ntext\nEOF", Some("COPY <<")),
            ("# syntax=docker/dockerfile:1\nFROM a", Some("# syntax=")),
            ("# escape=\\\n#Syntax = x\nFROM a", Some("# syntax=")),
            ("# about syntax=x\nFROM a", None),
            ("FROM a\n# syntax=docker/dockerfile:1\nRUN b", None),
            ("FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:1 c d", None),
            ("FROM a\nRUN cat <<<text; echo $((1<<2)); make --mount=no", None),
        ] {
            assert_eq!(Dockerfile::parse(text).needs_buildkit(), needs, "{text}");
        }
    }
}
