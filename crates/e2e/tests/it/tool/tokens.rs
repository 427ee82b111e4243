//! The command reads the words of a configuration as NGINX does: both get the same random text.

use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use std::path::Path;
use sts_exchange::conf::{Configuration, Node};

/// What has a meaning for NGINX, and some of what has none.
const ALPHABET: &[u8] = b"aatnr\\\\\"\"'';{}#() \t\n\r";

/// Texts that are tried.
const TEXTS: usize = 400;

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        // Knuth's MMIX; the upper bits are the better ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }

    fn text(&mut self) -> String {
        let length = self.next(12);
        let mut text = String::new();
        // Quotes that are closed are rare by themselves.
        let quote = [None, None, Some('"'), Some('\'')][self.next(4)];
        text.extend(quote);
        for _ in 0..length {
            text.push(char::from(ALPHABET[self.next(ALPHABET.len())]));
        }
        text.extend(quote);
        text
    }
}

/// A location whose answer is the text, as one word.
fn location(path: usize, text: &str) -> String {
    format!("location = /{path} {{ return 200 {text}\n;\n}}\n")
}

/// The word, as the command reads it; `None` where NGINX has to refuse the text.
fn word(text: &str) -> Option<String> {
    let conf = location(0, text);
    let read = Configuration::of_text(&conf, Path::new("/")).ok()?;
    let [node] = read.nodes.as_slice() else { return None };
    let returns = node.inside();
    let is_good = |node: &Node| {
        let count = node.arguments.len();
        node.name == "return" && node.block.is_none() && node.argument(0) == "200" && count == 2
    };
    let is_all = node.name == "location" && returns.iter().all(is_good);
    returns.first().filter(|_| is_all).map(|node| node.argument(1).to_owned())
}

#[test]
fn random_words_are_those_of_nginx() {
    let mut numbers = Numbers(0x5eed);
    let texts: Vec<String> = (0..TEXTS).map(|_| numbers.text()).collect();
    let taken = in_parallel(2, texts.len(), |index| {
        let server = location(0, &texts[index]);
        let checked = Nginx::builder().without_module().server(&server).check();
        let word = word(&texts[index]);
        assert_eq!(
            checked.ok,
            word.is_some() || is_bare(&texts[index]),
            "{:?} is {word:?}: {}",
            texts[index],
            checked.output
        );
        word
    });
    let words: Vec<(usize, &String)> = taken
        .iter()
        .enumerate()
        .filter_map(|(index, word)| Some((index, word.as_ref()?)))
        .collect();
    assert!(words.len() > TEXTS / 8 && words.len() < TEXTS * 7 / 8, "{} words", words.len());
    let server: String = words.iter().map(|(index, _)| location(*index, &texts[*index])).collect();
    let nginx = Nginx::builder().without_module().server(&server).start();
    for (index, word) in words {
        let response = nginx.get(&format!("/{index}")).send().expect_status(200);
        let body = String::from_utf8(response.body).expect("text");
        assert_eq!(&body, word, "{:?}", texts[index]);
    }
}

/// Nothing is left of a text but space and comments: `return 200;`.
fn is_bare(text: &str) -> bool {
    let conf = location(0, text);
    let Ok(read) = Configuration::of_text(&conf, Path::new("/")) else { return false };
    let [node] = read.nodes.as_slice() else { return false };
    let [node] = node.inside() else { return false };
    node.name == "return"
        && node.block.is_none()
        && node.arguments.len() == 1
        && node.argument(0) == "200"
}
