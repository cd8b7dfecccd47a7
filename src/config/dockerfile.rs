//! What a Dockerfile offers to whoever builds it: the names of its stages and its arguments.

/// Names only; nothing is expanded, and here-documents are not told from instructions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// As written; Docker compares them without regard to case.
    stages: Vec<String>,
    args: Vec<String>,
}

impl Dockerfile {
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for instruction in instructions(text) {
            let words: Vec<&str> = instruction.split_whitespace().collect();
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

    pub fn has_arg(&self, name: &str) -> bool {
        self.args.iter().any(|arg| arg == name)
    }
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
}
