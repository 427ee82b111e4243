//! A configuration of NGINX: its words, its blocks, and the files that it includes.

pub mod block;
pub mod called;
pub mod lexer;
pub mod locate;
pub mod maps;
pub mod overview;
pub mod pattern;
pub mod rewrite;
pub mod tree;
pub mod uri;

pub use tree::{Configuration, Node};
