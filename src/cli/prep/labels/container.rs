use anyhow::Result;

use crate::cli::prep::colors::ColorArgs;
use crate::sample::Size;
use crate::source::label_map::{ColorCode, Container};

/// How label maps lie in their files, for the commands that read maps of any program.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ContainerArgs {
    /// The maps are headerless bytes of this size
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    raw_size: Option<Size>,
    /// The array to take from npz files that hold several maps
    #[arg(long, value_name = "NAME")]
    npz_key: Option<String>,
    #[command(flatten)]
    colors: ColorArgs,
}

impl ContainerArgs {
    /// The container that was said; `usual` is what colours mean by themselves.
    pub(super) fn container(&self, usual: ColorCode) -> Result<Container> {
        Ok(Container { raw: self.raw_size, npz_key: self.npz_key.clone(), color: self.colors.code(usual)? })
    }
}
