use std::fmt::Write;

use super::drawing::escaped;

/// A page of HTML with pictures, tables and charts. Styles are inside; pictures are linked by relative paths, charts
/// are embedded as SVG.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Heading.
    pub title: String,
    /// A paragraph below it.
    pub lead: String,
    /// The parts of the page.
    pub sections: Vec<Section>,
}

/// One part of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    heading: String,
    body: String,
}

impl Section {
    /// A part with nothing but its heading.
    #[must_use]
    pub fn new(heading: &str) -> Self {
        Self { heading: heading.to_owned(), body: String::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.add(format!("<p>{}</p>\n", escaped(text)))
    }

    /// Adds what was typed, or printed.
    #[must_use]
    pub fn listing(self, text: &str) -> Self {
        self.add(format!("<pre>{}</pre>\n", escaped(text)))
    }

    /// Adds a picture; `path` is relative to the page.
    #[must_use]
    pub fn picture(self, path: &str, caption: &str) -> Self {
        let (path, caption) = (escaped(path), escaped(caption));
        self.add(format!(
            "<figure><a href=\"{path}\"><img src=\"{path}\" alt=\"{caption}\" loading=\"lazy\"></a>\
             <figcaption>{caption}</figcaption></figure>\n"
        ))
    }

    /// Adds a chart as [`Drawing::to_svg`](super::Drawing::to_svg) makes it.
    #[must_use]
    pub fn chart(self, svg: &str) -> Self {
        self.add(format!("<figure class=\"chart\">{svg}</figure>\n"))
    }

    /// Adds a table. Cells that begin with a digit are set flush right.
    #[must_use]
    pub fn table<S: AsRef<str>>(self, header: &[&str], rows: &[Vec<S>]) -> Self {
        let mut html = String::from("<div class=\"wide\"><table>\n<thead><tr>");
        for cell in header {
            let _ = write!(html, "<th>{}</th>", escaped(cell));
        }
        html += "</tr></thead>\n<tbody>\n";
        for row in rows {
            html += "<tr>";
            for cell in row {
                let cell = cell.as_ref();
                let class = if cell.starts_with(|c: char| c.is_ascii_digit()) { " class=\"n\"" } else { "" };
                let _ = write!(html, "<td{class}>{}</td>", escaped(cell));
            }
            html += "</tr>\n";
        }
        self.add(html + "</tbody></table></div>\n")
    }

    fn add(mut self, html: impl AsRef<str>) -> Self {
        self.body += html.as_ref();
        self
    }
}

/// Tells pages of this program from others.
const GENERATOR: &str = "<meta name=\"generator\" content=\"semdepth\">";

impl Page {
    /// Whether a document is one of these.
    #[must_use]
    pub fn is_one(html: &str) -> bool {
        html.contains(GENERATOR)
    }

    /// The whole document.
    #[must_use]
    pub fn to_html(&self) -> String {
        let (title, lead) = (escaped(&self.title), escaped(&self.lead));
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{GENERATOR}\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1>\n<p>{lead}</p></header>\n"
        );
        if self.sections.len() > 2 {
            html += "<nav>";
            for (i, section) in self.sections.iter().enumerate() {
                let _ = write!(html, "<a href=\"#s{i}\">{}</a>", escaped(&section.heading));
            }
            html += "</nav>\n";
        }
        for (i, section) in self.sections.iter().enumerate() {
            let heading = escaped(&section.heading);
            let _ = write!(html, "<section id=\"s{i}\">\n<h2>{heading}</h2>\n{}</section>\n", section.body);
        }
        html + "</body>\n</html>\n"
    }
}

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #202226; --faint: #6b7078; --ground: #fafaf8; --card: #fff; --line: #e2e4e7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7ea; --faint: #9aa0a8; --ground: #17181b; --card: #202226; --line: #34373d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 2.5rem 1.5rem 5rem; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 2rem; margin: 0 0 .3rem; letter-spacing: -.01em; }
header p { margin: 0; color: var(--faint); max-width: 46rem; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin-top: 1.4rem; padding: .7rem 0; border-block: 1px solid var(--line); font-size: .92rem; }
nav a { color: inherit; text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { margin-top: 2.8rem; }
h2 { font-size: 1.25rem; margin: 0 0 .8rem; }
p { max-width: 46rem; }
figure { margin: 1.2rem 0; }
img, .chart svg { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px; }
figcaption { margin-top: .45rem; color: var(--faint); font-size: .88rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--faint); font-weight: 600; }
td.n { text-align: right; }
pre { overflow-x: auto; padding: .9rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 6px; font-size: .85rem; line-height: 1.5; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_closed_and_escaped() {
        let section = Section::new("rooms & roads")
            .text("1 < 2")
            .picture("a \"b\".png", "sheet")
            .table(&["class", "share"], &[vec!["chair", "12.5 %"]])
            .listing("sdprep view <SET>");
        let html = Page { title: "t".into(), lead: "l".into(), sections: vec![section] }.to_html();
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
        for part in [
            "<h2>rooms &amp; roads</h2>",
            "<p>1 &lt; 2</p>",
            "src=\"a &quot;b&quot;.png\"",
            "<td>chair</td><td class=\"n\">12.5 %</td>",
            "<pre>sdprep view &lt;SET&gt;</pre>",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("<nav>") && !html.contains("http"), "nothing is loaded from elsewhere");
        for tag in ["section", "table", "figure", "p", "pre", "tr", "td", "th"] {
            let count = |t: String| html.matches(&t).count();
            assert_eq!(count(format!("<{tag}>")) + count(format!("<{tag} ")), count(format!("</{tag}>")), "{tag}");
        }
    }
}
