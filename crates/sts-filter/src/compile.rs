//! From the text of an expression to terms in which every name is resolved.
//!
//! jaq reads the text; see ADR 19 for why what it reads is not also evaluated by jaq.

mod calls;
mod scope;

use jaq_core::load::lex::{self, Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{self, BinaryOp, Parser};
use jaq_core::load::span;
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part as PathPart};

use crate::builtin::{self, Format};
use crate::error::{FilterError, Problem};
use crate::nesting;
use crate::number::{Arithmetic, Number};
use crate::run::native::text;
use crate::term::{Access, Assignment, Comparison, Definition, Fold, Part, Pattern, Step, Term};
use scope::Scope;

/// Bytes of an expression. NGINX takes no argument of a directive that has more than 4096.
const LONGEST: usize = 4096;

/// Levels of terms, which the compiler and the evaluation walk by recursion.
const DEEPEST: usize = 160;

const PRELUDE: &str = include_str!("prelude.jq");

type Parsed<'t> = parse::Term<&'t str>;
type Compiled<T> = Result<T, FilterError>;

/// Definitions, and the term that uses them.
pub(crate) struct Program {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) main: Term,
}

pub(crate) fn compile(text: &str) -> Compiled<Program> {
    if text.len() > LONGEST {
        return Err(FilterError::of_all(Problem::TooLong(LONGEST)));
    }
    let main = read(text, |parser| parser.term())?;
    let mut compiler = Compiler::new(PRELUDE, true);
    for definition in read(PRELUDE, |parser| parser.defs())? {
        compiler.define(definition)?;
    }
    compiler.text = text;
    compiler.in_prelude = false;
    let main = compiler.term(main)?;
    Ok(Program { definitions: compiler.scope.into_definitions(), main })
}

/// What jaq's parser makes of the text.
fn read<'t, T: Default>(
    text: &'t str,
    what: impl for<'p> FnOnce(&mut Parser<'t, 'p>) -> parse::Result<'t, 'p, T>,
) -> Compiled<T> {
    if !nesting::brackets_fit(text) {
        return Err(FilterError::of_all(Problem::TooDeep));
    }
    let tokens = Lexer::new(text).lex().map_err(|errors| lexer_error(text, errors))?;
    if !nesting::prefixes_fit(&tokens) {
        return Err(FilterError::of_all(Problem::TooDeep));
    }
    if let Some(dots) = recursion(&tokens) {
        let why = builtin::refusal(dots).unwrap_or_default();
        let problem = Problem::Refused { name: dots.to_owned(), why };
        return Err(FilterError::at(problem, text, span(text, dots).start));
    }
    if let Some(Token(word @ ("import" | "include" | "module"), Tok::Word)) = tokens.first() {
        let why = builtin::refusal(word).unwrap_or_default();
        let problem = Problem::Refused { name: (*word).to_owned(), why };
        return Err(FilterError::at(problem, text, span(text, word).start));
    }
    Parser::new(&tokens).parse(what).map_err(|errors| {
        let (expected, found) = match errors.into_iter().next() {
            Some((expected, found)) => (expected.as_str().to_owned(), found),
            None => ("something else".to_owned(), None),
        };
        let problem = match expected.as_str() {
            "nothing" => Problem::Expected { expected: "an operator or the end".to_owned() },
            _ => Problem::Expected { expected },
        };
        FilterError::at(problem, text, span(text, Token::opt_as_str(found, text)).start)
    })
}

/// Where `..` stands, which the parser does not tell.
fn recursion<'t>(tokens: &[Token<&'t str>]) -> Option<&'t str> {
    tokens.iter().find_map(|Token(text, token)| match token {
        Tok::Sym if *text == ".." => Some(*text),
        Tok::Block(inner) => recursion(inner),
        Tok::Str(parts) => parts.iter().find_map(|part| match part {
            StrPart::Term(inner) => recursion(std::slice::from_ref(inner)),
            StrPart::Str(_) | StrPart::Char(_) => None,
        }),
        _ => None,
    })
}

fn lexer_error(text: &str, errors: Vec<lex::Error<&str>>) -> FilterError {
    let Some((expected, at)) = errors.into_iter().next() else {
        return FilterError::of_all(Problem::Expected { expected: "another text".to_owned() });
    };
    let problem = Problem::Expected { expected: expected.as_str().to_owned() };
    FilterError::at(problem, text, span(text, at).start)
}

struct Compiler<'t> {
    /// What the names are parts of, for the place in messages.
    text: &'t str,
    in_prelude: bool,
    scope: Scope<'t>,
    depth: usize,
}

impl<'t> Compiler<'t> {
    fn new(text: &'t str, in_prelude: bool) -> Self {
        Self { text, in_prelude, scope: Scope::default(), depth: 0 }
    }

    fn error(&self, problem: Problem, at: &str) -> FilterError {
        FilterError::at(problem, self.text, span(self.text, at).start)
    }

    fn term(&mut self, term: Parsed<'t>) -> Compiled<Term> {
        if self.depth >= DEEPEST {
            return Err(FilterError::of_all(Problem::TooDeep));
        }
        self.depth = self.depth.saturating_add(1);
        let compiled = self.term_at_depth(term);
        self.depth = self.depth.saturating_sub(1);
        compiled
    }

    fn boxed(&mut self, term: Parsed<'t>) -> Compiled<Box<Term>> {
        self.term(term).map(Box::new)
    }

    fn pair(&mut self, left: Parsed<'t>, right: Parsed<'t>) -> Compiled<Box<(Term, Term)>> {
        Ok(Box::new((self.term(left)?, self.term(right)?)))
    }

    fn term_at_depth(&mut self, term: Parsed<'t>) -> Compiled<Term> {
        Ok(match term {
            Parsed::Id => Term::Identity,
            // `recursion` has found it before.
            Parsed::Recurse => {
                return Err(FilterError::of_all(Problem::Unknown {
                    name: "..".to_owned(),
                    arguments: 0,
                }));
            }
            Parsed::Num(digits) => match Number::parse(digits) {
                Some(number) => Term::Number(number),
                None => return Err(self.error(Problem::Number(digits.to_owned()), digits)),
            },
            Parsed::Str(format, parts) => self.string(format, parts)?,
            Parsed::Arr(None) => Term::Array(None),
            Parsed::Arr(Some(items)) => Term::Array(Some(self.boxed(*items)?)),
            Parsed::Obj(fields) => {
                let fields = fields.into_iter().map(|(name, value)| self.field(name, value));
                Term::Object(fields.collect::<Compiled<_>>()?)
            }
            Parsed::Neg(term) => Term::Negate(self.boxed(*term)?),
            Parsed::BinOp(left, operator, right) => self.operation(*left, operator, *right)?,
            Parsed::Label(name, body) => {
                let binder = self.scope.bind_label(name);
                let body = self.boxed(*body);
                self.scope.leave(1);
                Term::Label(binder, body?)
            }
            Parsed::Break(name) => match self.scope.label(name) {
                Some(binder) => Term::Break(binder),
                None => return Err(self.error(Problem::Label(name.to_owned()), name)),
            },
            Parsed::Fold(word, source, pattern, arguments) => {
                self.fold(word, *source, pattern, arguments)?
            }
            Parsed::TryCatch(body, handler) => {
                let body = self.boxed(*body)?;
                Term::Try(body, handler.map(|handler| self.boxed(*handler)).transpose()?)
            }
            Parsed::IfThenElse(branches, otherwise) => self.branches(branches, otherwise)?,
            Parsed::Def(definitions, body) => {
                let count = definitions.len();
                for definition in definitions {
                    self.define(definition)?;
                }
                let body = self.term(*body);
                self.scope.leave(count);
                body?
            }
            Parsed::Call(name, arguments) => self.call(name, arguments)?,
            Parsed::Var(name) => Term::Variable(self.variable(name)?),
            Parsed::Path(head, path) => {
                let head = self.term(*head)?;
                let steps = path.0.into_iter().map(|(part, optional)| self.step(part, optional));
                Term::Path(Box::new((head, steps.collect::<Compiled<_>>()?)))
            }
        })
    }

    fn operation(
        &mut self,
        left: Parsed<'t>,
        operator: BinaryOp<&'t str>,
        right: Parsed<'t>,
    ) -> Compiled<Term> {
        Ok(match operator {
            BinaryOp::Pipe(None) => Term::Pipe(self.pair(left, right)?),
            BinaryOp::Pipe(Some(pattern)) => {
                let source = self.term(left)?;
                let (pattern, bound) = self.pattern(pattern)?;
                let body = self.term(right);
                self.scope.leave(bound);
                Term::Bind(Box::new((source, pattern, body?)))
            }
            BinaryOp::Comma => Term::Comma(self.pair(left, right)?),
            BinaryOp::Alt => Term::Alternative(self.pair(left, right)?),
            BinaryOp::Or => Term::Or(self.pair(left, right)?),
            BinaryOp::And => Term::And(self.pair(left, right)?),
            BinaryOp::Math(math) => Term::Arithmetic(arithmetic(math), self.pair(left, right)?),
            BinaryOp::Cmp(comparison) => {
                let comparison = match comparison {
                    Cmp::Eq => Comparison::Equal,
                    Cmp::Ne => Comparison::NotEqual,
                    Cmp::Lt => Comparison::Less,
                    Cmp::Le => Comparison::AtMost,
                    Cmp::Gt => Comparison::Greater,
                    Cmp::Ge => Comparison::AtLeast,
                };
                Term::Compare(comparison, self.pair(left, right)?)
            }
            BinaryOp::Assign => Term::Assign(Assignment::Value, self.pair(left, right)?),
            BinaryOp::Update => Term::Assign(Assignment::Update, self.pair(left, right)?),
            BinaryOp::UpdateMath(math) => {
                let assignment = Assignment::Arithmetic(arithmetic(math));
                Term::Assign(assignment, self.pair(left, right)?)
            }
            BinaryOp::UpdateAlt => Term::Assign(Assignment::Alternative, self.pair(left, right)?),
        })
    }

    fn string(
        &mut self,
        format: Option<&'t str>,
        parts: Vec<StrPart<&'t str, Parsed<'t>>>,
    ) -> Compiled<Term> {
        let format: Format = match format {
            None => text::to_text,
            Some(name) => builtin::format(name).ok_or_else(|| self.unknown(name, 0))?,
        };
        let mut compiled: Vec<Part> = Vec::new();
        let mut literal = String::new();
        for part in parts {
            match part {
                StrPart::Str(text) => literal.push_str(text),
                StrPart::Char(character) => literal.push(character),
                StrPart::Term(term) => {
                    if !literal.is_empty() {
                        compiled.push(Part::Text(std::mem::take(&mut literal).into()));
                    }
                    compiled.push(Part::Term(self.term(term)?));
                }
            }
        }
        if compiled.is_empty() {
            return Ok(Term::Text(literal.into()));
        }
        if !literal.is_empty() {
            compiled.push(Part::Text(literal.into()));
        }
        Ok(Term::Interpolation(format, compiled))
    }

    /// A field of an object: `{name: value}`, `{name}` or `{$name}`.
    fn field(
        &mut self,
        name: Parsed<'t>,
        value: Option<Parsed<'t>>,
    ) -> Compiled<(Term, Option<Term>)> {
        if let (Parsed::Var(variable), None) = (&name, &value) {
            let name = variable.strip_prefix('$').unwrap_or(variable);
            return Ok((Term::Text(name.into()), Some(Term::Variable(self.variable(variable)?))));
        }
        // A name is compiled once: it may hold such an object, and that another one.
        let name = self.term(name)?;
        Ok((name, value.map(|value| self.term(value)).transpose()?))
    }

    fn branches(
        &mut self,
        branches: Vec<(Parsed<'t>, Parsed<'t>)>,
        otherwise: Option<Box<Parsed<'t>>>,
    ) -> Compiled<Term> {
        let mut rest = otherwise.map(|otherwise| self.term(*otherwise)).transpose()?;
        if self.depth.saturating_add(branches.len()) > DEEPEST {
            return Err(FilterError::of_all(Problem::TooDeep));
        }
        // From the last `elif` to the first.
        for (condition, then) in branches.into_iter().rev() {
            let (condition, then) = (self.term(condition)?, self.term(then)?);
            rest = Some(Term::If(Box::new((condition, then, rest))));
        }
        Ok(rest.unwrap_or(Term::Identity))
    }

    fn fold(
        &mut self,
        word: &'t str,
        source: Parsed<'t>,
        pattern: parse::Pattern<&'t str>,
        arguments: Vec<Parsed<'t>>,
    ) -> Compiled<Term> {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        let (Some(init), Some(update), extract, None) =
            (arguments.next(), arguments.next(), arguments.next(), arguments.next())
        else {
            return Err(self.unknown(word, count));
        };
        if word == "reduce" && extract.is_some() {
            return Err(self.unknown(word, count));
        }
        let (source, init) = (self.term(source)?, self.term(init)?);
        let (pattern, bound) = self.pattern(pattern)?;
        let update = self.term(update);
        let extract = extract.map(|extract| self.boxed(extract)).transpose();
        self.scope.leave(bound);
        let fold = Box::new(Fold { source, pattern, init, update: update? });
        Ok(match word {
            "reduce" => Term::Reduce(fold),
            _ => Term::Foreach(fold, extract?),
        })
    }

    /// A pattern with the number of variables that are visible from now on. Brackets bound how deep
    /// one is.
    fn pattern(&mut self, pattern: parse::Pattern<&'t str>) -> Compiled<(Pattern, usize)> {
        Ok(match pattern {
            parse::Pattern::Var(name) => (Pattern::Variable(self.scope.bind_variable(name)), 1),
            parse::Pattern::Arr(items) => {
                let indices = (0..).map(|index| Term::Number(Number::from_count(index)));
                let (mut fields, mut bound) = (Vec::new(), 0_usize);
                for (index, item) in indices.zip(items) {
                    let (item, inner) = self.pattern(item)?;
                    fields.push((index, item));
                    bound = bound.saturating_add(inner);
                }
                (Pattern::Fields(fields), bound)
            }
            parse::Pattern::Obj(items) => {
                let (mut fields, mut bound) = (Vec::new(), 0_usize);
                for (name, item) in items {
                    let name = self.term(name)?;
                    let (item, inner) = self.pattern(item)?;
                    fields.push((name, item));
                    bound = bound.saturating_add(inner);
                }
                (Pattern::Fields(fields), bound)
            }
        })
    }

    fn step(&mut self, part: PathPart<Parsed<'t>>, optional: Opt) -> Compiled<Step> {
        let access = match part {
            PathPart::Index(index) => Access::Index(self.term(index)?),
            PathPart::Range(None, None) => Access::Each,
            PathPart::Range(from, to) => {
                let from = from.map(|from| self.term(from)).transpose()?;
                Access::Slice(from, to.map(|to| self.term(to)).transpose()?)
            }
        };
        Ok(Step { access, optional: matches!(optional, Opt::Optional) })
    }
}

fn arithmetic(math: Math) -> Arithmetic {
    match math {
        Math::Add => Arithmetic::Add,
        Math::Sub => Arithmetic::Subtract,
        Math::Mul => Arithmetic::Multiply,
        Math::Div => Arithmetic::Divide,
        Math::Rem => Arithmetic::Remainder,
    }
}
