//! What people copy: the README's commands, the examples, the packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use localefs_integration::aws::virtual_environment;
use localefs_integration::docker::{Docker, IMAGE, repository};
use localefs_integration::lab::Lab;
use localefs_integration::server::binary;
use serde_json::Value;

/// What the examples and their checks are made of, from the Python Package Index.
const PACKAGES: [&str; 4] = ["boto3", "awscli", "pytest", "check-jsonschema"];

fn tools() -> Result<PathBuf> {
    Ok(virtual_environment("examples", &PACKAGES)?.join("venv/bin"))
}

/// The commands of a part of the README: its indented lines.
fn commands(heading: &str) -> Result<String> {
    let text = fs::read_to_string(repository().join("README.md"))?;
    let (_, part) = text
        .split_once(&format!("\n### {heading}\n"))
        .with_context(|| format!("README.md has no part {heading:?}"))?;
    let part = part.split("\n#").next().unwrap_or(part);
    let lines: Vec<&str> = part
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .collect();
    ensure!(!lines.is_empty(), "{heading} has no commands");
    Ok(lines.join("\n"))
}

/// A directory of programs: those that are tested, and `sudo` for who is root already.
fn programs(lab: &Lab) -> Result<PathBuf> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = lab.directory().join("bin");
    fs::create_dir(&directory)?;
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o755))?;
    symlink(fs::canonicalize(binary()?)?, directory.join("localefs"))?;
    let sudo = directory.join("sudo");
    fs::write(&sudo, "#!/bin/sh\nexec \"$@\"\n")?;
    fs::set_permissions(&sudo, PermissionsExt::from_mode(0o755))?;
    Ok(directory)
}

fn with_path(command: &mut Command, directories: &[&Path]) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = directories.iter().map(|directory| directory.to_path_buf());
    let path = std::env::join_paths(all.chain(std::env::split_paths(&path)))?;
    command.env("PATH", path);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name.starts_with("LOCALEFS_") {
            command.env_remove(&*name);
        }
    }
    Ok(())
}

/// Runs to its end; what it starts in the background must have another output.
fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{errors}",
        output.status
    );
    Ok(text)
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]);
    command
}

#[test]
fn the_readme_starts_a_program_that_is_mounted() -> Result<()> {
    let lab = Lab::new()?;
    let programs = programs(&lab)?;
    let script = commands("A program")?;
    let (install, rest) = script.split_once('\n').context("one command only")?;
    ensure!(install.starts_with("cargo install "), "{install}");
    let installed = lab.directory().join("installed");
    let mut command = shell(install);
    command.current_dir(repository());
    run(command.env("CARGO_INSTALL_ROOT", &installed))?;
    fs::copy(programs.join("sudo"), installed.join("bin/sudo"))?;

    let guest = lab.boot("guest1")?;
    guest.share("localefs", &fs::read(installed.join("bin/localefs"))?)?;
    let shared = localefs_integration::wire::SHARED;
    // What it writes goes elsewhere; mount waits until it serves.
    let typed = rest.replace("localefs &", "localefs > log 2>&1 &");
    ensure!(typed != rest, "{rest}");
    let begin = format!(
        "set -eu; mkdir /tmp/typed /tmp/bin; cd /tmp/typed; cp {shared}/localefs /tmp/bin
         printf '#!/bin/sh\\nexec \"$@\"\\n' > /tmp/bin/sudo; chmod 755 /tmp/bin/*; PATH=/tmp/bin:$PATH"
    );
    let end = "echo content > /mnt/efs/file; cat localefs-data/fs/*/file; umount /mnt/efs; kill %1";
    let written = guest.succeed(&format!("{begin}\n{typed}\n{end}"))?;
    ensure!(written.ends_with("content\n"), "{written}");
    Ok(())
}

#[test]
fn the_readme_starts_a_container() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    let script = commands("A container")?;
    let mut command = docker.command("bash");
    command.args(["-euo", "pipefail", "-c", &script]);
    let status = run(command.current_dir(repository()))?;
    ensure!(status.contains("file system  fs-"), "{status}");
    docker.await_healthy("efs")
}

#[test]
fn the_readme_uses_the_api() -> Result<()> {
    let lab = Lab::new()?;
    let (programs, tools) = (programs(&lab)?, tools()?);
    let data = lab.directory().join("api");
    fs::create_dir(&data)?;
    let script = format!(
        "localefs > log 2>&1 & until localefs health > health 2>&1; do sleep 0.1; done\n{}\nkill %1",
        commands("AWS's CLI and SDKs")?
    );
    let mut command = lab.namespace().command("bash");
    command.args(["-euo", "pipefail", "-c", &script]);
    with_path(&mut command, &[&programs, &tools])?;
    command.env("AWS_CONFIG_FILE", "/nonexistent");
    command.env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    let text = run(command.current_dir(&data))?;
    let (made, status) = text.split_once("localefs 0").context("no status")?;
    let made: Vec<Value> = serde_json::Deserializer::from_str(made)
        .into_iter()
        .collect::<Result<_, _>>()?;
    let [made, rule] = made.as_slice() else {
        bail!("{made:?}");
    };
    assert_eq!(made["LifeCycleState"], "available");
    assert_eq!(rule["Return"], true);
    let address = made["IpAddress"].as_str().context("no address")?;
    let served = format!("{}:2049", address.replacen("172", "127", 1));
    ensure!(status.contains(&served), "no {served} in {status}");
    Ok(())
}

#[test]
fn the_examples_in_python_and_go_pass() -> Result<()> {
    let lab = Lab::new()?;
    let mut command = shell(&commands("Tests in Python and Go")?);
    with_path(&mut command, &[&programs(&lab)?, &tools()?])?;
    // Debian's package of the SDK, which is found without modules.
    command.envs([("GO111MODULE", "off"), ("GOFLAGS", "-count=1")]);
    command.env("GOPATH", "/usr/share/gocode");
    command.env("GOCACHE", lab.directory().join("go"));
    command.envs([
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTEST_ADDOPTS", "-p no:cacheprovider"),
    ]);
    let text = run(command.current_dir(repository()))?;
    ensure!(text.contains("3 passed"), "{text}");
    ensure!(text.lines().any(|line| line.starts_with("ok  ")), "{text}");
    Ok(())
}

#[test]
fn recipes_have_the_form_that_they_should_have() -> Result<()> {
    let check = tools()?.join("check-jsonschema");
    for (schema, file) in [
        ("vendor.compose-spec", "compose/compose.yaml"),
        ("vendor.github-workflows", "ci/github-actions.yml"),
        ("vendor.gitlab-ci", "ci/gitlab-ci.yml"),
    ] {
        let file = repository().join("examples").join(file);
        run(Command::new(&check)
            .args(["--builtin-schema", schema])
            .arg(file))?;
    }
    let refused = Command::new(&check)
        .args(["--builtin-schema", "vendor.compose-spec"])
        .arg(repository().join("examples/ci/gitlab-ci.yml"))
        .output()?;
    ensure!(!refused.status.success(), "the check accepts anything");
    Ok(())
}

/// The compose file, as JSON.
fn compose() -> Result<Value> {
    let script = "
import json, sys
from ruamel.yaml import YAML
print(json.dumps(YAML(typ='safe').load(open(sys.argv[1]))))";
    let text = run(Command::new(tools()?.join("python3"))
        .args(["-c", script])
        .arg(repository().join("examples/compose/compose.yaml")))?;
    Ok(serde_json::from_str(&text)?)
}

fn word<'a>(of: &'a Value, at: &str) -> Result<&'a str> {
    let found = of.pointer(at).and_then(Value::as_str);
    found.with_context(|| format!("no {at} in {of}"))
}

/// Starts the service that serves, on its networks.
fn serve(docker: &Docker, compose: &Value) -> Result<()> {
    let service = &compose["services"]["efs"];
    let networks = service["networks"].as_object().context("no networks")?;
    for name in networks.keys() {
        let network = &compose["networks"][name];
        let subnet = word(network, "/ipam/config/0/subnet")?;
        docker.run(&["network", "create", "--subnet", subnet, name])?;
    }
    let mut words: Vec<String> = ["create", "--name", "efs", "--network", "none"]
        .map(str::to_owned)
        .to_vec();
    ensure!(service["read_only"] == true, "{service}");
    words.extend(["--read-only", "--cap-drop", "ALL"].map(str::to_owned));
    for option in service["security_opt"].as_array().into_iter().flatten() {
        words.extend(["--security-opt".to_owned(), word(option, "")?.to_owned()]);
    }
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        words.extend(["--env".to_owned(), format!("{name}={}", word(value, "")?)]);
    }
    let here = repository().join("examples/compose");
    for volume in service["volumes"].as_array().into_iter().flatten() {
        let volume = word(volume, "")?.replace("./", &format!("{}/", here.display()));
        words.extend(["--volume".to_owned(), volume]);
    }
    words.push(IMAGE.to_owned());
    docker.run(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    docker.run(&["network", "disconnect", "none", "efs"])?;
    for (name, network) in networks {
        let address = word(network, "/ipv4_address")?;
        docker.run(&["network", "connect", "--ip", address, name, "efs"])?;
    }
    docker.run(&["start", "efs"])?;
    docker.await_healthy("efs")
}

/// Docker hands `o` and `device` to mount(2) as they are, in the host's kernel: here it is that of
/// a virtual machine, whose packets come from the host's addresses in the networks.
#[test]
fn the_compose_file_serves_two_file_systems_as_its_volumes_have_them() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    let compose = compose()?;
    serve(&docker, &compose)?;
    let forward = "iptables --insert FORWARD --jump ACCEPT
        iptables --table nat --insert POSTROUTING --source 10.77.0.0/16 --jump MASQUERADE";
    let mut shell = lab.namespace().command("sh");
    run(shell.args(["-ec", forward]))?;
    let guest = lab.boot("guest1")?;
    let session = guest.python()?;
    session.run("import ctypes, subprocess")?;
    for volume in ["efs", "archive"] {
        let options = &compose["volumes"][volume]["driver_opts"];
        let (data, device) = (word(options, "/o")?, word(options, "/device")?);
        let kind = word(options, "/type")?;
        session.run(&format!("os.makedirs('/mnt/{volume}', exist_ok=True)"))?;
        let mounted = session.number(&format!(
            "ctypes.CDLL(None).mount(b'{device}', b'/mnt/{volume}', b'{kind}', 0, b'{data}')"
        ))?;
        assert_eq!(mounted, 0, "{volume}");
        session.run(&format!("write('/mnt/{volume}/file', '{volume}')"))?;
    }
    session.run(
        "owner = os.stat('/mnt/efs/app'); assert (owner.st_uid, owner.st_gid) == (1000, 1000)",
    )?;
    assert_eq!(session.text("read('/mnt/efs/file')")?, "efs");
    assert_eq!(session.text("read('/mnt/archive/file')")?, "archive");
    session.run("assert not os.path.exists('/mnt/archive/app')")?;
    session.run("subprocess.check_call(['umount', '/mnt/efs', '/mnt/archive'])")?;

    // The application's user sees both, and may make no other.
    let aws = |words: &str| -> Result<std::process::Output> {
        let mut command = lab.namespace().command(tools()?.join("aws"));
        with_path(&mut command, &[])?;
        let environment = &compose["services"]["application"]["environment"];
        for (name, value) in environment.as_object().into_iter().flatten() {
            command.env(name, word(value, "")?);
        }
        // What the name of the service means in its networks.
        command.env("AWS_ENDPOINT_URL", "http://172.31.0.10:4599");
        command.env("AWS_CONFIG_FILE", "/nonexistent");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
        Ok(command
            .args(words.split(' '))
            .stdin(Stdio::null())
            .output()?)
    };
    let described = aws("efs describe-file-systems --query FileSystems[].Name --output text")?;
    let names = String::from_utf8(described.stdout)?;
    let mut names: Vec<_> = names.split_whitespace().collect();
    names.sort_unstable();
    ensure!(
        names.ends_with(&["shared"]) && names.contains(&"archive"),
        "{names:?}"
    );
    let refused = aws("efs create-file-system --creation-token another")?;
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(complaint.contains("AccessDenied"), "{complaint}");
    Ok(())
}

#[test]
fn the_debian_package_installs_all_that_belongs_to_it() -> Result<()> {
    let lab = Lab::new()?;
    let target = binary()?;
    let packages = target
        .ancestors()
        .map(|directory| directory.join("package"))
        .find(|packages| packages.is_dir())
        .context("no packages: scripts/package --built")?;
    let mut found = None;
    for entry in fs::read_dir(&packages)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found = Some(path);
        }
    }
    run(shell("sha256sum --check --strict SHA256SUMS").current_dir(&packages))?;
    let root = lab.directory().join("installed");
    fs::create_dir_all(root.join("var/lib/dpkg/updates"))?;
    fs::create_dir_all(root.join("var/lib/dpkg/info"))?;
    fs::write(root.join("var/lib/dpkg/status"), "")?;
    let package = found.context("no package")?;
    run(Command::new("dpkg")
        .arg(format!("--root={}", root.display()))
        .arg("--install")
        .arg(package))?;
    let version = run(Command::new(root.join("usr/bin/localefs")).arg("--version"))?;
    ensure!(version.starts_with("localefs 0."), "{version}");
    for (file, words) in [
        (
            "usr/lib/systemd/system/localefs.service",
            "ExecStart=/usr/bin/localefs",
        ),
        (
            "usr/share/bash-completion/completions/localefs",
            "convert-ownership",
        ),
        (
            "usr/share/zsh/vendor-completions/_localefs",
            "#compdef localefs",
        ),
        (
            "usr/share/fish/vendor_completions.d/localefs.fish",
            "complete -c localefs",
        ),
        ("usr/share/doc/localefs/copyright", "localefs"),
    ] {
        let text = fs::read_to_string(root.join(file)).context(file)?;
        ensure!(text.contains(words), "no {words:?} in {file}");
    }
    let page = root.join("usr/share/man/man1/localefs.1.gz");
    let page = run(Command::new("gzip").args(["-dc"]).arg(page))?;
    ensure!(page.contains(".TH localefs 1"), "{page}");
    let bash = root.join("usr/share/bash-completion/completions/localefs");
    run(Command::new("bash").arg("-n").arg(bash))?;
    // As it will be once it lies where it belongs.
    let unit = root.join("usr/lib/systemd/system/localefs.service");
    let installed = format!("ExecStart={}", root.join("usr/bin/localefs").display());
    let text = fs::read_to_string(unit)?.replace("ExecStart=/usr/bin/localefs", &installed);
    let unit = lab.directory().join("localefs.service");
    fs::write(&unit, text)?;
    let mut verify = Command::new("systemd-analyze");
    run(verify.args(["verify", "--man=no"]).arg(&unit))?;
    Ok(())
}

#[test]
fn a_release_is_refused_where_something_is_missing() -> Result<()> {
    let copy = tempfile::tempdir()?;
    run(Command::new("git")
        .args(["clone", "--quiet", "--shared"])
        .arg(repository())
        .arg(copy.path()))?;
    fs::write(copy.path().join("something"), "uncommitted")?;
    let output = Command::new(copy.path().join("scripts/release")).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{output:?}");
    ensure!(said.contains("not committed"), "{said}");
    Ok(())
}
