//! A server whose file systems and mount targets are created and deleted by lines of JSON on its
//! standard input; each is answered by a line on standard output. It ends when its input does.

use std::io::{BufRead, Write, stdin, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use localefs::{DataPlane, DataPlaneError, LocalEfs};
use localefs_integration::data_plane::{Answer, Order};

#[derive(Debug, Parser)]
struct Line {
    #[arg(long)]
    data: PathBuf,
    #[arg(long, value_delimiter = ',')]
    listen: Vec<SocketAddr>,
    #[arg(long)]
    lease: u64,
    #[arg(long)]
    max_opens: Option<usize>,
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    localefs::raise_file_limit();
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut builder = LocalEfs::builder()
            .data(line.data)
            .lease(Duration::from_secs(line.lease));
        if let Some(opens) = line.max_opens {
            builder = builder.max_opens(opens);
        }
        for address in line.listen {
            builder = builder.listen(address);
        }
        let server = builder.start().await?;
        let ready = Answer::Ready {
            file_system: server.file_system_id().to_owned(),
            addresses: server.nfs_addresses().to_vec(),
        };
        say(&ready)?;
        let data_plane = server.data_plane();
        for order in stdin().lock().lines() {
            let answer = obey(&data_plane, serde_json::from_str(&order?)?).await;
            say(&answer.unwrap_or_else(|error| Answer::Failed(error.to_string())))?;
        }
        server.shutdown().await;
        Ok(())
    })
}

fn say(answer: &Answer) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

async fn obey(data_plane: &DataPlane, order: Order) -> Result<Answer, DataPlaneError> {
    match order {
        Order::CreateFileSystem(id) => data_plane.create_file_system(&id).await?,
        Order::DeleteFileSystem(id) => data_plane.delete_file_system(&id).await?,
        Order::CreateMountTarget {
            file_system,
            id,
            address,
        } => {
            let address = data_plane
                .create_mount_target(&file_system, &id, address)
                .await?;
            return Ok(Answer::Address(address));
        }
        Order::DeleteMountTarget(id) => data_plane.delete_mount_target(&id).await?,
        Order::Reset(ids) => data_plane.reset(&ids).await?,
        Order::Status => return Ok(Answer::Status(data_plane.file_systems())),
    }
    Ok(Answer::Done)
}
