//! The blocks of a configuration, with what it includes in its place.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::lexer::{End, Lexer, Words};
use crate::files;
use crate::problem::Problem;
use crate::settings::written::{Place, Word};

/// How deep files may include each other, and blocks lie in each other.
const DEPTH: usize = 64;

/// Files that may be included in all.
const FILES: usize = 10_000;

/// A directive, with its block if it has one.
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Word>,
    /// Where it stands.
    pub place: Place,
    /// What stands in its block.
    pub block: Option<Vec<Self>>,
}

/// A configuration.
pub struct Configuration {
    /// What stands outside of all blocks.
    pub nodes: Vec<Node>,
    /// The directory of its file, within which relative names are.
    pub directory: PathBuf,
}

impl Node {
    /// An argument, or nothing.
    pub fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", |word| word.as_str())
    }

    /// What stands in its block.
    pub fn inside(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// The nodes with a name among several.
    pub fn named<'n>(nodes: &'n [Self], name: &'n str) -> impl Iterator<Item = &'n Self> {
        nodes.iter().filter(move |node| node.name == name)
    }
}

impl Configuration {
    /// The absolute name of a file; a relative one is within `prefix`, where there is one.
    pub fn path(file: &Path, prefix: Option<&Path>) -> PathBuf {
        let file = prefix.map_or_else(|| file.to_owned(), |prefix| prefix.join(file));
        std::path::absolute(&file).unwrap_or(file)
    }

    /// Reads a file, and what it includes. A relative name is within `prefix`, where there is one.
    ///
    /// # Errors
    /// NGINX would refuse it, or a file cannot be read.
    pub fn read(file: &Path, prefix: Option<&Path>) -> Result<Self, Problem> {
        let file = Self::path(file, prefix);
        let directory = file.parent().map(Path::to_owned).unwrap_or_default();
        let mut reader = Reader { directory: directory.clone(), files: 0, includes: true };
        let nodes = reader.file(&file, 0)?;
        Ok(Self { nodes, directory })
    }

    /// Reads a text, for tests. It includes nothing.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_text(text: &str, directory: &Path) -> Result<Self, Problem> {
        let mut reader = Reader { directory: directory.to_owned(), files: 0, includes: false };
        let nodes = reader.text("nginx.conf", text.as_bytes(), 0)?;
        Ok(Self { nodes, directory: directory.to_owned() })
    }
}

struct Reader {
    directory: PathBuf,
    files: usize,
    /// Files are included.
    includes: bool,
}

impl Reader {
    fn file(&mut self, file: &Path, depth: usize) -> Result<Vec<Node>, Problem> {
        self.files += 1;
        if depth > DEPTH || self.files > FILES {
            return Err(Problem::new(format!("\"{}\" is included too deeply", file.display())));
        }
        let text = files::read(file)?;
        self.text(&file.display().to_string(), text.expose(), depth)
    }

    fn text(&mut self, name: &str, text: &[u8], depth: usize) -> Result<Vec<Node>, Problem> {
        let file: Rc<str> = name.into();
        let mut lexer = Lexer::new(text);
        self.block(&mut lexer, &file, false, depth)
    }

    fn block(
        &mut self,
        lexer: &mut Lexer<'_>,
        file: &Rc<str>,
        is_inside: bool,
        depth: usize,
    ) -> Result<Vec<Node>, Problem> {
        let mut nodes = Vec::new();
        let refused = |what: String, line: usize| Problem::new(format!("{what}, in {file}:{line}"));
        if depth > DEPTH {
            return Err(refused("blocks lie too deep in each other".to_owned(), lexer.line()));
        }
        loop {
            let Words { words, end, line } =
                lexer.read().map_err(|error| refused(error.what, error.line))?;
            match end {
                End::Closing if is_inside => return Ok(nodes),
                End::Text if !is_inside => return Ok(nodes),
                End::Closing => return Err(refused("unexpected \"}\"".to_owned(), line)),
                End::Text => {
                    let what = "unexpected end of file, expecting \"}\"".to_owned();
                    return Err(refused(what, line));
                }
                End::Semicolon | End::Opening => {}
            }
            let place = Place { file: file.clone(), line };
            let mut words = words.iter().map(|word| {
                let text = std::str::from_utf8(word);
                // What other modules have may be of any encoding.
                text.map_or_else(|_| String::from_utf8_lossy(word).into_owned(), str::to_owned)
            });
            let name = words.next().unwrap_or_default();
            let arguments: Vec<Word> = words.map(Word::new).collect();
            if end == End::Semicolon && name == "include" {
                let [pattern] = arguments.as_slice() else {
                    let what = "invalid number of arguments in \"include\" directive".to_owned();
                    return Err(refused(what, line));
                };
                for file in self.included(pattern, &place)? {
                    nodes.extend(self.file(&file, depth + 1)?);
                }
                continue;
            }
            let block = match end {
                End::Opening if name.ends_with("_by_lua_block") => {
                    lexer.skip_block().map_err(|error| refused(error.what, error.line))?;
                    None
                }
                End::Opening => Some(self.block(lexer, file, true, depth + 1)?),
                _ => None,
            };
            nodes.push(Node { name, arguments, place, block });
        }
    }

    /// The files of an `include`: one that has to be there, or all that a pattern fits, in the order of
    /// their names.
    fn included(&self, pattern: &str, place: &Place) -> Result<Vec<PathBuf>, Problem> {
        if !self.includes {
            return Err(Problem::new(format!("nothing is included here, in {place}")));
        }
        let path = self.directory.join(pattern);
        if !pattern.contains(['*', '?', '[']) {
            if path.is_file() {
                return Ok(vec![path]);
            }
            let what = format!(
                "\"{}\" cannot be included: there is no such file, in {place}",
                path.display()
            );
            return Err(Problem::new(what));
        }
        let unread = || {
            let pattern = pattern.escape_debug();
            Problem::new(format!("the pattern \"{pattern}\" cannot be read here, in {place}"))
        };
        // These have another meaning for `glob` of the C library.
        if pattern.contains('\\') || pattern.contains("[^") {
            return Err(unread());
        }
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let mut text = path.to_string_lossy().into_owned();
        // Two stars are as good as one for it, and lead into no directory.
        while text.contains("**") {
            text = text.replace("**", "*");
        }
        let paths = glob::glob_with(&text, options).map_err(|_| unread())?;
        let paths =
            paths.map(|path| path.map_err(|error| Problem::new(format!("{error}, in {place}"))));
        let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
        // It sorts by bytes, whole names with their slashes.
        paths.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(nodes: &[Node]) -> String {
        let one = |node: &Node| match &node.block {
            Some(block) => format!("{}({})", node.name, names(block)),
            None => node.name.clone(),
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blocks_hold_directives() {
        let read = |text| Configuration::of_text(text, Path::new("/")).map(|it| names(&it.nodes));
        assert_eq!(read("a; b { c { d 1; } e; } f;").unwrap(), "a b(c(d) e) f");
        assert_eq!(read("content_by_lua_block { x = { } } y;").unwrap(), "content_by_lua_block y");
        for bad in ["a { b;", "}", "a; }", "include;", "include a b;"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let deep = "a{".repeat(1000);
        assert!(read(&deep).is_err());
    }

    #[test]
    fn files_are_included_in_their_place_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = directory.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("nginx.conf", "a; http { include conf.d/*.conf; include one; } z;");
        write("conf.d/b.conf", "b2;\nbad_is_not_here;");
        write("conf.d/a.conf", "b1;");
        write("conf.d/.hidden.conf", "hidden;");
        write("conf.d/other.txt", "other;");
        write("one", "include conf.d/sub/*.none; c;");
        let read = |name: &str| Configuration::read(Path::new(name), Some(directory.path()));
        let configuration = read("nginx.conf").unwrap();
        assert_eq!(names(&configuration.nodes), "a http(b1 b2 bad_is_not_here c) z");
        let inside = configuration.nodes[1].inside();
        assert!(inside[2].place.to_string().ends_with("conf.d/b.conf:2"));
        assert_eq!(configuration.directory, directory.path());
        // Stars that follow one another are one, and names are in order with their slashes.
        write("sites/a/1", "a1;");
        write("sites/a-b/1", "ab1;");
        write("stars", "include **/1; include sites/**/*;");
        assert_eq!(names(&read("stars").unwrap().nodes), "ab1 a1");
        for pattern in ["[^a]*", "\\*a", "[a"] {
            write("odd", &format!("include '{pattern}';"));
            let problem = read("odd").err().map(|problem| problem.to_string());
            assert!(problem.is_some_and(|it| it.contains("cannot be read here")), "{pattern}");
        }
        write("loop", "include loop;");
        assert!(read("loop").is_err());
        write("missing", "include no;");
        let problem = read("missing").err().unwrap().to_string();
        assert!(
            problem.contains("/no\" cannot be included") && problem.contains("missing:1"),
            "{problem}"
        );
    }
}
