//! The contract of an application's settings, `.env.example`: which keys there are, of which
//! class, and what must hold for their values.
//!
//! It is an env file. Words with an `@` in the comment lines directly above a key declare it, each
//! other comment line there describes it:
//!
//! | word | meaning |
//! |---|---|
//! | `@secret` or `@config` | the class: goes to the Secret, or to the `ConfigMap`. Every key has one |
//! | `@required` | must not be empty |
//! | `@generated=hex:32`, `@generated=base64:32` | a secret made of that many random bytes; implies `@required` |
//! | `@pattern=REGEX` | the whole value matches, unless it is empty; takes the rest of the line |
//! | `@formerly=DEFAULT` | the default in older contracts: where `.env` still has it, a new secret brings the new default |
//! | `@public` | a `@config` that anybody can read, such as what a page sends to browsers |
//!
//! A comment apart from any key may hold `@public-prefix=PREFIX`: keys that begin so are public.
//! The value in the contract is the default, and may use the keys above it by `${NAME}`.

use std::ops::Range;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::decorators::{Class, Decorators, Generated, Pattern, public_prefixes};
use super::expand::{Fault, expand};
use super::statements::{self, Comment, Statement, shown};
use crate::config::problems::Problems;
use crate::error::Result;

/// The declaration of one key.
#[derive(Debug)]
pub struct Declaration {
    pub key: String,
    pub line: usize,
    pub class: Class,
    pub required: bool,
    pub generated: Option<Generated>,
    pub pattern: Option<Pattern>,
    pub public: bool,
    /// The comment lines above it without decorators.
    pub description: String,
    pub(super) formerly: Option<String>,
    pub(super) template: SecretString,
    pub(super) literal: bool,
    /// Where the text of the contract has the default.
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub struct Contract {
    pub declarations: Vec<Declaration>,
    pub public_prefixes: Vec<String>,
    /// The text itself, from which a new `.env` is created.
    pub(super) text: String,
}

impl Contract {
    /// The contract in the file `path`, or `None` if there is no such file.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let Some(text) = super::file::read(path)? else { return Ok(None) };
        Self::parse(&path.display().to_string(), text.expose_secret()).map(Some)
    }

    /// All problems of the contract at once.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let mut problems = Problems::new(file);
        let statements::Statements { list, comments } = statements::read(text, &mut problems);
        let (mut above, free) = attach(&list, comments);
        let mut contract = Self {
            declarations: Vec::new(),
            public_prefixes: public_prefixes(&free, &mut problems),
            text: text.to_owned(),
        };
        for statement in list {
            let comments = above.remove(0);
            let decorators = Decorators::read(&statement, &comments, &mut problems);
            contract.declarations.extend(declaration(statement, decorators, &contract, &mut problems));
        }
        check_defaults(&contract.declarations, &mut problems);
        problems.or(Some(contract))
    }

    pub fn get(&self, key: &str) -> Option<&Declaration> {
        self.declarations.iter().find(|declaration| declaration.key == key)
    }

    pub fn keys(&self) -> Vec<&str> {
        self.declarations.iter().map(|declaration| declaration.key.as_str()).collect()
    }

    /// Whether the value of `key` can be read by anybody.
    pub fn is_public(&self, key: &str) -> bool {
        self.public_prefixes.iter().any(|prefix| key.starts_with(prefix))
            || self.get(key).is_some_and(|declaration| declaration.public)
    }
}

/// For each statement the comments that end directly above it, and all other comments.
fn attach(list: &[Statement], comments: Vec<Comment>) -> (Vec<Vec<Comment>>, Vec<Comment>) {
    let mut blocks: Vec<Vec<Comment>> = Vec::new();
    for comment in comments {
        match blocks.last_mut() {
            Some(block) if block.last().is_some_and(|last| last.line + 1 == comment.line) => {
                block.push(comment);
            }
            _ => blocks.push(vec![comment]),
        }
    }
    let mut take = |line: usize| {
        let ends = |block: &Vec<Comment>| block.last().is_some_and(|last| last.line + 1 == line);
        blocks.iter().position(ends).map(|index| blocks.remove(index)).unwrap_or_default()
    };
    let above = list.iter().map(|statement| take(statement.line)).collect();
    (above, blocks.into_iter().flatten().collect())
}

fn declaration(
    statement: Statement,
    decorators: Decorators,
    contract: &Contract,
    problems: &mut Problems,
) -> Option<Declaration> {
    let line = Some(statement.line);
    let name = shown(&statement.key);
    let template = statement.template.expose_secret();
    let secret = decorators.class == Some(Class::Secret);
    let prefixed = contract.public_prefixes.iter().any(|prefix| statement.key.starts_with(prefix));
    if decorators.class.is_none() {
        problems.add(line, format!("{name} has no class; put `# @secret` or `# @config` directly above it"));
    }
    if secret && (decorators.public || prefixed) {
        problems.add(line, format!("{name} is @secret, but it is public, so anybody can read it"));
    }
    if decorators.generated.is_some() && !secret {
        problems.add(line, format!("{name} is @generated, but not @secret"));
    }
    if decorators.generated.is_some() && !template.is_empty() {
        problems.add(line, format!("{name} is @generated, so it must be empty here"));
    } else if secret && !template.is_empty() && (statement.literal || !template.contains('$')) {
        let message = "is @secret, so its value must not be in this file; leave it empty, or compose it from \
                       other keys with ${NAME}";
        problems.add(line, format!("{name} {message}"));
    }
    Some(Declaration {
        class: decorators.class?,
        line: statement.line,
        required: decorators.required || decorators.generated.is_some(),
        generated: decorators.generated,
        pattern: decorators.pattern,
        public: decorators.public || prefixed,
        description: decorators.description,
        formerly: decorators.formerly,
        span: statement.span,
        template: statement.template,
        literal: statement.literal,
        key: statement.key,
    })
}

/// Defaults must be valid, and match their patterns as far as their values are known here.
fn check_defaults(declarations: &[Declaration], problems: &mut Problems) {
    let mut known: Vec<(&str, SecretString)> = Vec::new();
    for declaration in declarations {
        let look =
            |name: &str| known.iter().find(|(key, _)| *key == name).map(|(_, value)| value.expose_secret());
        let value = match declaration.default(&look) {
            Ok(value) => value,
            Err(fault) => {
                let named = match &fault {
                    Fault::Unset(name) => format!(" (`{name}`)"),
                    _ => String::new(),
                };
                let message = format!("the value of {} {fault}{named}", shown(&declaration.key));
                problems.add(Some(declaration.line), message);
                continue;
            }
        };
        if let Some(pattern) = &declaration.pattern
            && declaration.class == Class::Config
            && !value.expose_secret().is_empty()
            && !pattern.holds(value.expose_secret())
        {
            let message = format!("the default of {} does not match its @pattern", shown(&declaration.key));
            problems.add(Some(declaration.line), message);
        }
        known.push((&declaration.key, value));
    }
}

impl Declaration {
    /// Whether `value` was the default in an older contract.
    pub(super) fn was(&self, value: &str) -> bool {
        self.formerly.as_deref() == Some(value)
    }

    /// The default, if it uses no other key.
    pub(super) fn plain_default(&self) -> Option<&str> {
        let template = self.template.expose_secret();
        (self.literal || !template.contains('$')).then_some(template)
    }

    /// The value if `.env` has none.
    pub(super) fn default<'v>(
        &self,
        look: &dyn Fn(&str) -> Option<&'v str>,
    ) -> std::result::Result<SecretString, Fault> {
        let template = self.template.expose_secret();
        if self.literal {
            return Ok(self.template.clone());
        }
        expand(template, look).map(SecretString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Settings of the shop.\n# @public-prefix=WEB_\n\n\
        # Who the store belongs to.\n# @config @required @pattern=[a-z]+\nOWNER=shop\n\n\
        # @secret @generated=hex:32\nPASSWORD=\n\
        # @secret\nURL=store://${OWNER}:${PASSWORD}@store\n\
        # @config\nWEB_TITLE='Shop & more'\n# @config @public\nMOTTO=\n";

    #[test]
    fn reads_declarations() {
        let contract = Contract::parse("e", GOOD).unwrap();
        assert_eq!(contract.keys(), ["OWNER", "PASSWORD", "URL", "WEB_TITLE", "MOTTO"]);
        let owner = contract.get("OWNER").unwrap();
        assert_eq!((owner.class, owner.required, owner.public), (Class::Config, true, false));
        assert_eq!(owner.description, "Who the store belongs to.");
        assert!(owner.pattern.as_ref().unwrap().holds("abc"));
        assert!(!owner.pattern.as_ref().unwrap().holds("abc1"));
        assert_eq!(contract.get("PASSWORD").unwrap().generated, Some(Generated::Hex(32)));
        assert!(contract.get("PASSWORD").unwrap().required);
        assert!(contract.is_public("WEB_X") && contract.is_public("MOTTO") && !contract.is_public("URL"));
    }

    #[test]
    fn all_mistakes_at_once() {
        let text = "# @secret\n\nA=1\n# @secret @config\nB=\n# @secrt\nC=\n# @secret\nD=value\n\
            # @config @generated=hex:32\nE=\n# @secret @generated=hex:2\nF=\n# @secret @public\nG=\n\
            # @config @pattern=[\nH=\n# @config words\nI=\n# @config\nJ=${LATER}\n# @config @pattern=a+\nK=b\n\
            # @config @required=yes\nL=\n# @config @required @required\nM=\n";
        let error = Contract::parse("e", text).unwrap_err();
        let shown = error.causes().join("\n");
        for line in [1, 3, 4, 6, 7, 9, 11, 12, 15, 16, 18, 21, 23, 24, 26] {
            assert!(shown.contains(&format!("e:{line}: ")), "line {line} is missing:\n{shown}");
        }
        assert!(shown.contains("did you mean `@secret`?"), "{shown}");
    }
}
