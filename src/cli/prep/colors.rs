use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use crate::cli::exit::Usage;
use crate::label::ColorTable;
use crate::source::label_map::ColorCode;

/// What the colours of RGB label maps mean, for every command that reads label maps.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ColorArgs {
    /// What the colours of RGB maps mean: a CSV file of red, green, blue and the id that the map would hold
    ///
    /// The colours of ADE20K and Cityscapes are known; those of other classes, and colours of your own, take a file. A
    /// colour that is not listed is an error.
    #[arg(long, value_name = "CSV", help_heading = "Labels")]
    colors: Option<PathBuf>,
}

impl ColorArgs {
    /// The file that was named, or else what the colours mean by themselves.
    pub(super) fn code(&self, usual: ColorCode) -> Result<ColorCode> {
        let Some(path) = &self.colors else { return Ok(usual) };
        let table = ColorTable::from_csv(path).map_err(|e| Usage(format!("--colors: {e}")))?;
        Ok(ColorCode::Own(Arc::new(table)))
    }
}
