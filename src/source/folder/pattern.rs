use std::fmt;
use std::str::FromStr;

/// A glob over relative paths that remembers what its wildcards matched.
///
/// `*` matches anything but `/`, `**/` any number of folders, `{jpg,png}` one of several texts. What `*` and `**/` match is the
/// key of a file; what stands in braces is not, so that `{*}` matches anything without being part of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// Without braces; the first that matches counts.
    alternatives: Vec<Vec<Token>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(String),
    Star { is_key: bool },
    Folders,
}

/// More would be a mistake, and matching takes time that grows with them.
const MAX_WILDCARDS: usize = 8;
const MAX_ALTERNATIVES: usize = 64;

/// What the wildcards of a pattern matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What `**/` matched, without the last `/`.
    pub folder: String,
    /// What `*` matched, several joined by `_`.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.folder.is_empty() || self.name.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.folder, self.name)
    }
}

impl Pattern {
    /// The key of a file, when the whole path matches.
    #[must_use]
    pub fn key(&self, path: &str) -> Option<Key> {
        self.alternatives.iter().find_map(|tokens| {
            let mut found = Vec::new();
            matches(tokens, path, true, &mut found).then(|| {
                found.reverse(); // the last wildcard was pushed first
                let of = |folders| found.iter().filter(move |(f, _)| *f == folders).map(|&(_, text)| text);
                Key { folder: of(true).collect::<Vec<_>>().join("/"), name: of(false).collect::<Vec<_>>().join("_") }
            })
        })
    }

    /// Whether anything but one path can match.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.alternatives.iter().flatten().any(|token| !matches!(token, Token::Literal(_)))
    }
}

/// Longest match first, as in a regular expression; pushes (is a folder, text) of each key wildcard, last first.
fn matches<'a>(tokens: &[Token], text: &'a str, at_part: bool, found: &mut Vec<(bool, &'a str)>) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return text.is_empty() };
    match token {
        Token::Literal(literal) => {
            text.strip_prefix(literal.as_str()).is_some_and(|tail| matches(rest, tail, literal.ends_with('/'), found))
        }
        Token::Star { is_key } => {
            let end = text.find('/').unwrap_or(text.len());
            let ends = (0..=end).rev().filter(|&i| text.is_char_boundary(i));
            for i in ends {
                if matches(rest, &text[i..], false, found) {
                    if *is_key {
                        found.push((false, &text[..i]));
                    }
                    return true;
                }
            }
            false
        }
        Token::Folders if at_part => {
            let slashes = text.rmatch_indices('/').map(|(i, _)| i);
            for i in slashes {
                if matches(rest, &text[i + 1..], true, found) {
                    found.push((true, &text[..i]));
                    return true;
                }
            }
            matches(rest, text, true, found)
        }
        Token::Folders => false,
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| Err(format!("{reason} in the pattern {text:?}"));
        if text.is_empty() || text.starts_with('/') {
            return wrong("expected a path relative to the root");
        }
        if text.contains('?') || text.contains('[') {
            return wrong("expected `*`, `**/` or `{a,b}` as wildcards, found `?` or `[`");
        }
        if text.matches('*').count() > 2 * MAX_WILDCARDS {
            return wrong("too many wildcards");
        }
        let Some(alternatives) = expand(text) else {
            return wrong("unbalanced or too many braces");
        };
        let alternatives: Option<Vec<_>> = alternatives.iter().map(|a| tokens(a)).collect();
        match alternatives {
            Some(alternatives) => Ok(Self { text: text.to_owned(), alternatives }),
            None => wrong("expected `**` as a whole part of the path, such as `**/*.png`,"),
        }
    }
}

/// A text without braces; a star from inside braces is marked with this character.
const QUIET_STAR: char = '\u{1}';

fn expand(text: &str) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        let (before, inside) = (&rest[..open], &rest[open + 1..close]);
        if before.contains('}') || inside.contains('{') {
            return None;
        }
        let choices: Vec<String> = inside.split(',').map(|c| c.replace('*', &QUIET_STAR.to_string())).collect();
        all = all.iter().flat_map(|a| choices.iter().map(move |c| format!("{a}{before}{c}"))).collect();
        if all.len() > MAX_ALTERNATIVES {
            return None;
        }
        rest = &rest[close + 1..];
    }
    (!rest.contains('}')).then(|| all.into_iter().map(|a| a + rest).collect())
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', QUIET_STAR]) {
        let (literal, wild) = rest.split_at(at);
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal.to_owned()));
        }
        if let Some(tail) = wild.strip_prefix("**") {
            let at_part = literal.is_empty() && tokens.is_empty() || literal.ends_with('/');
            rest = tail.strip_prefix('/').filter(|_| at_part)?;
            tokens.push(Token::Folders);
        } else {
            tokens.push(Token::Star { is_key: wild.starts_with('*') });
            rest = &wild[1..];
        }
    }
    if !rest.is_empty() {
        tokens.push(Token::Literal(rest.to_owned()));
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pattern: &str, path: &str) -> Option<String> {
        pattern.parse::<Pattern>().unwrap().key(path).map(|k| k.to_string())
    }

    #[test]
    fn a_star_stays_within_a_folder() {
        assert_eq!(key("rgb/*.png", "rgb/0001.png").as_deref(), Some("0001"));
        assert_eq!(key("rgb/*.png", "rgb/a/0001.png"), None);
        assert_eq!(key("*_rgb.png", "postech4_rgb.png").as_deref(), Some("postech4"));
        assert_eq!(key("*-*.png", "a-b-c.png").as_deref(), Some("a-b_c"));
        assert_eq!(key("rgb/*.png", "rgb/0001.jpg"), None);
    }

    #[test]
    fn folders_may_be_none_or_many() {
        assert_eq!(key("**/rgb_*.jpg", "rgb_1.jpg").as_deref(), Some("1"));
        assert_eq!(key("**/rgb_*.jpg", "a/b/rgb_1.jpg").as_deref(), Some("a/b/1"));
        assert_eq!(key("x/**/y/*", "x/y/1").as_deref(), Some("1"));
        assert_eq!(key("x/**/y/*", "x/a/y/1").as_deref(), Some("a/1"));
        assert_eq!(key("**/rgb_*.jpg", "a/not_rgb_1.jpg"), None);
    }

    #[test]
    fn braces_are_no_part_of_the_key() {
        assert_eq!(key("*.{jpg,png}", "3.png").as_deref(), Some("3"));
        assert_eq!(key("**/image/{*}.jpg", "kv1/n1/image/0042.jpg").as_deref(), Some("kv1/n1"));
        assert_eq!(key("r-*-{*}.ppm", "r-129.5-299.ppm").as_deref(), Some("129.5"));
        assert_eq!(key("a.png", "a.png").as_deref(), Some(""));
    }

    #[test]
    fn names_beyond_ascii_match() {
        assert_eq!(key("*.png", "küche_é.png").as_deref(), Some("küche_é"));
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in [
            "",
            "/rgb/*.png",
            "a?.png",
            "[ab].png",
            "{a.png",
            "a}.png",
            "{a{b}}",
            "a**.png",
            "**",
            "*".repeat(20).as_str(),
        ] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}
