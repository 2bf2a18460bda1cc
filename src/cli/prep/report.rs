use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::picture::{INDEX, MapName, begin_page, png, set_name, title};
use super::stats::{percent, summary};
use super::view::draw;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::sets::complete_sets;
use crate::file::write_atomically;
use crate::shard::Set;
use crate::view::{Page, Section, Summary, chart, of_set};

/// Writes a folder with index.html: a contact sheet, a chart and the numbers of every set. It opens in any browser and
/// loads nothing from elsewhere.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sets, or folders that hold sets
    #[arg(default_value = "shards")]
    sets: Vec<PathBuf>,
    /// Folder of the page
    #[arg(long, short, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Heading of the page
    #[arg(long, value_name = "TEXT", default_value = "Prepared sets")]
    title: String,
    /// Rows of each contact sheet
    #[arg(long, short = 'n', value_name = "K", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=200))]
    count: u16,
    /// Colours of depth
    #[arg(long, value_enum, default_value = "turbo", value_name = "MAP")]
    colors: MapName,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let mut paths = Vec::new();
        for path in &self.sets {
            paths.extend(complete_sets(path, output)?);
        }
        begin_page(&self.out)?;
        let put = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
            let path = self.out.join(name);
            write_atomically(&path, bytes).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let (mut rows, mut sections, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for (i, path) in paths.iter().enumerate() {
            let set = Set::open(path)?;
            let summary = summary(&set, output)?;
            let chosen = of_set::spread(set.records().len(), self.count.into());
            let picture = draw(&set, &chosen, self.colors.into(), None)?;
            // Sets in different folders may share their name.
            let name = format!("{:02}-{}-sheet.png", i + 1, set_name(path));
            files.push(put(&name, &png(&picture)?)?);
            rows.push(overview(path, &set, &summary));
            sections.push(self.section(path, &set, &summary, &name));
        }
        let header =
            ["set", "data", "samples", "size", "labels", "measured", "median depth", "labelled", "fingerprint"];
        let overview = Section::new("Overview").table(&header, &rows);
        let lead = format!("{} sets, written by sdprep {}.", paths.len(), env!("CARGO_PKG_VERSION"));
        let page = Page { title: self.title.clone(), lead, sections: [vec![overview], sections].concat() };
        let index = put(INDEX, page.to_html().as_bytes())?;
        output.result(index.display(), &json!({"page": index, "pictures": files, "sets": paths}))?;
        Ok(Exit::Done)
    }

    fn section(&self, path: &Path, set: &Set, summary: &Summary, picture: &str) -> Section {
        let caption = format!("{} rows, spread evenly over the set", usize::from(self.count).min(set.records().len()));
        let drawing = chart(summary, &title(set), self.colors.into());
        let section = Section::new(&set_name(path)).picture(picture, &caption).chart(&drawing.to_svg());
        let quarantined: Vec<Vec<String>> = set
            .records()
            .iter()
            .filter_map(|r| Some(vec![r.row.to_string(), r.entry.key.clone(), r.quarantined.as_ref()?.to_string()]))
            .take(50)
            .collect();
        if quarantined.is_empty() {
            return section;
        }
        section.text("Quarantined samples (the first fifty):").table(&["row", "key", "reason"], &quarantined)
    }
}

fn overview(path: &Path, set: &Set, summary: &Summary) -> Vec<String> {
    let spec = set.spec();
    let median = summary.depth.quantiles_m.map_or_else(|| "-".to_owned(), |q| format!("{:.2} m", q.p50));
    let coverage = summary.semantics.as_ref().map_or_else(|| "-".to_owned(), |s| percent(s.coverage));
    vec![
        set_name(path),
        title(set),
        set.rows().count().to_string(),
        format!("{} x {}", spec.size.width, spec.size.height),
        spec.label_space.map_or_else(|| "none".to_owned(), |s| s.to_string()),
        percent(summary.depth.valid_share),
        median,
        coverage,
        set.fingerprint().chars().take(25).collect(),
    ]
}
