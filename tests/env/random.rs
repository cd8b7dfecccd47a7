//! Random env files, from a grammar of common and sometimes invalid input.

use std::fmt::Write as _;

/// The variable that repeats a run.
pub const SEED: &str = "TODO_BOOTSTRAP_ENV_SEED";
pub const COUNT: usize = 6000;

/// From the variable, otherwise from the clock: each run uses other files.
pub fn seed() -> u64 {
    let given = std::env::var(SEED).ok().map(|text| text.parse().expect("a whole number"));
    let seed = given.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |time| u64::try_from(time.as_nanos() & 0xffff_ffff).unwrap_or(1))
    });
    println!("{SEED}={seed}");
    seed
}

const KEYS: [&str; 8] = ["A", "B", "C", "KEY", "_X", "low", "N1", "LONG_NAME"];
const WORDS: [&str; 34] = [
    "x",
    "two words",
    "#",
    " #",
    " # c",
    "\\n",
    "\\\\",
    "\\\"",
    "\\'",
    "\\$",
    "\\0101",
    "\\012",
    "\\c",
    "'",
    "\"",
    "`",
    "{",
    "}",
    "$",
    "$$",
    "$5",
    "=",
    ":",
    "ä€",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "http://h:1/?a=b&c",
    "-",
    "?",
    "+",
    "{\"a\":1}",
    "\\",
    "\r",
];
const SIGNS: [&str; 26] = [
    "$", "$", "${", "${", "{", "}", "}", ":", "-", "?", "+", "A", "B", "C=", "\"", "\"", "'", "\\", "\\",
    "\n", "\r\n", " ", "#", "0", "12", "n",
];
const BLANKS: [&str; 6] = ["", "", "", " ", "\t", "  "];
const ENDS: [&str; 6] = ["\n", "\n", "\n", "\n", "\r\n", "\n\n"];

pub struct Texts {
    state: u64,
}

impl Texts {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator known as splitmix64.
    fn number(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % below as u64).unwrap_or(0)
    }

    fn pick<'l>(&mut self, list: &[&'l str]) -> &'l str {
        list[self.number(list.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        self.number(of) == 0
    }

    pub fn next_text(&mut self) -> String {
        if self.chance(5) {
            return self.noise();
        }
        let mut text = if self.chance(12) { "\u{feff}".to_owned() } else { String::new() };
        let mut unused = KEYS.to_vec();
        for _ in 0..=self.number(4) {
            if self.chance(30) {
                text.push_str(self.pick(&WORDS));
            }
            text.push_str(self.pick(&BLANKS));
            if self.chance(6) {
                let comment = self.pick(&WORDS);
                let _ = write!(text, "# {comment}");
            } else {
                self.statement(&mut text, &mut unused);
            }
            text.push_str(self.pick(&ENDS));
        }
        if self.chance(4) {
            text.truncate(text.trim_end().len());
        }
        text
    }

    /// Special characters, without a grammar.
    fn noise(&mut self) -> String {
        let mut text = "A=1\nB=".to_owned();
        for _ in 0..self.number(16) {
            text.push_str(self.pick(&SIGNS));
        }
        text
    }

    fn statement(&mut self, text: &mut String, unused: &mut Vec<&str>) {
        if self.chance(8) {
            text.push_str(self.pick(&["export ", "export\t", "export  "]));
        }
        let key = if self.chance(25) || unused.is_empty() {
            self.pick(&KEYS)
        } else {
            unused.remove(self.number(unused.len()))
        };
        text.push_str(key);
        text.push_str(self.pick(&BLANKS));
        if !self.chance(40) {
            text.push_str(if self.chance(10) { ":" } else { "=" });
        }
        text.push_str(self.pick(&BLANKS));
        match self.number(10) {
            0 => {}
            1..=4 => self.word(text, 0),
            5..=7 => self.quoted(text, "\""),
            _ => self.quoted(text, "'"),
        }
        if self.chance(8) {
            text.push_str(self.pick(&[" # comment", "\t# c", "#c", " x"]));
        }
    }

    fn quoted(&mut self, text: &mut String, quote: &str) {
        text.push_str(quote);
        let mut inner = String::new();
        for _ in 0..self.number(4) {
            self.word(&mut inner, 0);
            if self.chance(5) {
                inner.push_str(self.pick(&["\n", "\r\n", "\nB=x\n", "\n# c\n"]));
            }
        }
        // Most quotes within a value are escaped; a few are not.
        let inner = if self.chance(10) { inner } else { inner.replace(quote, &format!("\\{quote}")) };
        text.push_str(&inner);
        if !self.chance(40) {
            text.push_str(quote);
        }
    }

    fn word(&mut self, text: &mut String, depth: usize) {
        for _ in 0..=self.number(2) {
            if self.chance(3) && depth < 4 {
                self.reference(text, depth);
            } else {
                text.push_str(self.pick(&WORDS));
            }
        }
    }

    fn reference(&mut self, text: &mut String, depth: usize) {
        let name = self.pick(&KEYS);
        if self.chance(6) {
            let _ = write!(text, "${name}");
            return;
        }
        let operator = self.pick(&["", ":-", "-", ":-", "-", ":+", "+", ":?", "?"]);
        let _ = write!(text, "${{{name}{operator}");
        if !operator.is_empty() || self.chance(12) {
            self.word(text, depth + 1);
        }
        if !self.chance(30) {
            text.push('}');
        }
    }
}
