use anyhow::Result;

use crate::cli::prep::colors::ColorArgs;
use crate::sample::Size;
use crate::source::label_map::{ColorCode, Container};

/// How label maps lie in their files, for the commands that read maps of any program.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ContainerArgs {
    /// The maps are headerless bytes of this size
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
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

/// `640x480`
pub(super) fn size(text: &str) -> Result<Size, String> {
    let size = text.split_once('x').and_then(|(w, h)| Some(Size::new(h.parse().ok()?, w.parse().ok()?)));
    size.filter(|s| (1..=1 << 16).contains(&s.height) && (1..=1 << 16).contains(&s.width))
        .ok_or_else(|| format!("expected WIDTHxHEIGHT such as 640x480, found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_width_and_height() {
        assert_eq!(size("640x480"), Ok(Size::new(480, 640)));
        for wrong in ["", "640", "0x3", "3x99999999", "ax3"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
