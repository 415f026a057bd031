"""The console page, in a headless Chromium: what people see of a network that is made by the API, and
what no name and no other page can do to it."""

import http.client
import http.server
import subprocess
import threading
from urllib.parse import urlsplit

from browser import Browser
from common import *

URL = os.environ["AWS_ENDPOINT_URL"]
PAGE = URL + "/_localefs/console"
# Would leave a trace in the page if any of it ever became markup.
HOSTILE = "<img src=x onerror='window.hostile=1'>\u202e</span><script>window.hostile=1</script>"
NFS = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049}


def ask(method, path, body=None, **headers):
    """A request as no browser would make it: with these headers alone."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(urlsplit(URL).netloc, timeout=60)
    connection.request(method, path, body and json.dumps(body), headers)
    answer = connection.getresponse()
    return answer, answer.read()


def explain(**question):
    answer, body = ask("POST", "/_localefs/explain", question)
    assert answer.status == 200, body
    return json.loads(body)


def named(name):
    return [{"Key": "Name", "Value": name}]


def instance(name, subnet, group):
    made = ec2.run_instances(
        ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet,
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": named(name)}],
    )
    return made["Instances"][0]


class World:
    """A file system `home` with mount targets in two subnets, and instances: `web`, whose group their
    rule lets in, and a hostile one, which it doesn't."""

    def __init__(self):
        self.subnets = subnets()
        self.vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.of_target, self.of_client = self.group("of-target"), self.group("of-client")
        self.allow(self.of_client)
        self.fs = file_system(Tags=named("home"))
        make = lambda subnet: efs.create_mount_target(
            FileSystemId=self.fs, SubnetId=subnet, SecurityGroups=[self.of_target]
        )
        self.targets = [make(subnet) for subnet in self.subnets[:2]]
        self.web = instance("web", self.subnets[1], self.of_client)
        self.stranger = instance(HOSTILE, self.subnets[2], self.of_target)

    def group(self, name):
        made = ec2.create_security_group(GroupName=name, Description="d", VpcId=self.vpc)
        return made["GroupId"]

    def allow(self, group):
        rule = {**NFS, "UserIdGroupPairs": [{"GroupId": group}]}
        ec2.authorize_security_group_ingress(GroupId=self.of_target, IpPermissions=[rule])


def mirror(address):
    return address.replace("172.", "127.", 1)


def source(instance):
    return f".node[data-key='source {mirror(instance['PrivateIpAddress'])}']"


def target(made):
    return f".node[data-key='target {made['MountTargetId']}']"


def cell(instance, made):
    address = mirror(instance["PrivateIpAddress"])
    return f".cell[data-key='cell {address} {made['MountTargetId']}']"


def opened(browser, url=PAGE):
    browser.open(url)
    browser.until("document.querySelector('#live').textContent === 'Live'")


def is_harmless(browser):
    """Nothing failed, nothing came from elsewhere, and no text became markup."""
    assert browser.errors == [], browser.errors
    own = {URL + path for path in ("/", "/_localefs/console", "/_localefs/overview", "/_localefs/explain")}
    strange = [url for url in browser.requests if url not in own and url != "data:,"]
    assert not strange, strange
    assert URL + "/_localefs/overview" in browser.requests
    assert browser.run("window.hostile === undefined")
    assert browser.run("document.querySelectorAll('img, b, iframe, body script:not(:last-child)').length") == 0


def fits(browser):
    wide = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    assert browser.run(wide) <= 0, browser.run(wide)


# The least contrast of any text with what is behind it (WCAG 2.2, "Contrast (Minimum)": 4.5).
CONTRAST = """(() => {
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const color = rgb(getComputedStyle(one).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let least = [99, ""];
    while (words.nextNode()) {
        const one = words.currentNode.parentElement;
        if (!words.currentNode.data.trim() || !one.checkVisibility()) continue;
        const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least[0]) least = [contrast, words.currentNode.data];
    }
    return least;
})()"""


def is_legible(browser):
    for scheme in ("light", "dark"):
        for width in (1280, 800):
            browser.size(width, 900, scheme)
            fits(browser)
            contrast, text = browser.run(CONTRAST)
            assert contrast >= 4.5, f"{contrast} of {text!r}, {scheme}"
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "textbox", "combobox", "spinbutton", "grid", "region", "table"}
    seen = set()
    for node in tree:
        role = node.get("role", {}).get("value")
        if role in roles and not node.get("ignored"):
            seen.add(role)
            assert node.get("name", {}).get("value") or role == "table", node
    assert {"button", "combobox"} <= seen, seen


def empty():
    """At first start, from the endpoint itself: what to do first, and what is there already."""
    with Browser() as browser:
        opened(browser, URL + "/")
        assert browser.run("location.href") == PAGE
        text = browser.text()
        assert "There is no instance yet." in text and f"aws --endpoint-url {URL} ec2" in text
        assert "No client is connected. To mount on this machine:" in text
        assert "sudo mount -t nfs4" in text
        assert len(browser.texts(".subnet")) == 6
        assert browser.texts("#matrix .cell") == ["\u2713"]
        # Without anything to reach, too.
        for made in efs.describe_file_systems()["FileSystems"]:
            fs = made["FileSystemId"]
            for one in efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]:
                efs.delete_mount_target(MountTargetId=one["MountTargetId"])
            efs.delete_file_system(FileSystemId=fs)
        browser.until("document.body.innerText.includes('There is no mount target to reach.')")
        assert "efs create-mount-target" in browser.text("#first")
        assert "no mount target lets this machine in" in browser.text("#connected")
        is_legible(browser)
        is_harmless(browser)


def network():
    world = World()
    near, far = world.targets
    with Browser() as browser:
        opened(browser)
        for subnet in world.subnets:
            assert subnet in browser.text(".vpc:not(.outside)")
        for made in world.targets:
            text = browser.text(target(made))
            assert all(word in text for word in ("home", made["IpAddress"], "of-target")), text
            assert "reached by 1 of 3" in text, text
        for one, name in ((world.web, "web"), (world.stranger, HOSTILE)):
            text = browser.text(source(one))
            assert name in text and one["PrivateIpAddress"] in text, text
            assert one["InstanceId"] in text, text
        assert "reaches 3 of 3" in browser.text(source(world.web))
        # In their subnets.
        inside = lambda subnet, node: browser.run(
            f"Boolean(document.querySelector(\"[aria-label='Subnet {subnet}'] {node}\"))"
        )
        assert inside(world.subnets[1], source(world.web)) and inside(world.subnets[1], target(far))
        assert not inside(world.subnets[0], source(world.web))

        # Each cell says what explain says.
        cells = browser.run("""[...document.querySelectorAll('.cell')].map((one) =>
            [one.dataset.key, one.innerText, one.title])""")
        assert len(cells) == 9, cells
        for key, mark, title in cells:
            _, client, made = key.split(" ")
            said = explain(client=client, mount_target=made)
            assert mark == ("\u2713" if said["allowed"] else "\u2717"), (key, said)
            decides = [one for one in said["layers"] if one["allowed"] == said["allowed"]]
            decides = decides[-1 if said["allowed"] else 0]
            assert f"{decides['layer']}: {decides['because']}" in title, (title, said)

        # Picked with the mouse: marks, lines, and the answer with its layers.
        browser.click(source(world.stranger))
        browser.until(f"document.querySelector(\"{target(near)}\").innerText.includes('denied')")
        assert browser.run("document.querySelectorAll('#lines .not').length") == 2
        assert browser.run("document.querySelectorAll('#lines .yes').length") == 1
        browser.click(target(near))
        browser.until("document.querySelector('#layers')")
        said = explain(client=mirror(world.stranger["PrivateIpAddress"]), mount_target=near["MountTargetId"])
        assert browser.texts("#layers .because") == [one["because"] for one in said["layers"]]
        assert browser.text(".verdict") == (
            "\u2717 Denied by security groups of the mount target, inbound"
        )
        assert world.of_target in browser.texts("#layers .because")[-1]
        assert f"--mount-target {near['MountTargetId']}" in browser.text("#answer pre")

        # A rule later it goes through, on a page that nobody has touched.
        world.allow(world.of_target)
        browser.until("document.querySelector('.verdict').innerText === '\u2713 Allowed'")
        browser.until(f"document.querySelector(\"{cell(world.stranger, far)}\").innerText === '\u2713'")

        # With the keyboard: from cell to cell, and one of them chosen.
        browser.run("document.querySelector('.cell[tabindex=\"0\"]').focus()")
        browser.press("ArrowRight", 39)
        browser.press("ArrowDown", 40)
        key = browser.run("document.activeElement.dataset.key")
        assert key == cells[4][0], (key, cells)
        browser.press("Enter", 13)
        browser.until("document.activeElement.getAttribute('aria-pressed') === 'true'")
        client, made = key.split(" ")[1:]
        assert browser.run("document.querySelector('#client').value") == client
        assert browser.run("document.querySelector('#target').value") == made

        # Files, and questions that make no sense.
        browser.run("document.querySelector('#files').open = true")
        browser.run("document.querySelector('#path').value = '/nowhere'")
        browser.click("#question .ask")
        browser.until("document.querySelector('#answer').innerText.includes('Unix permissions')")
        browser.run("document.querySelector('#client').value = '<b>x</b>'")
        browser.click("#question .ask")
        browser.until("document.querySelector('#answer [role=alert]')")
        # Its refusal is no failure of the page.
        browser.errors = [one for one in browser.errors if "400" not in str(one)]
        is_legible(browser)
        is_harmless(browser)


def many():
    """More than 50 mount targets: all are there, on a page that stays as wide as its window."""
    within = subnets()
    for number in range(9):
        fs = file_system(Tags=named(f"data {number}"))
        for subnet in within:
            efs.create_mount_target(FileSystemId=fs, SubnetId=subnet)
    with Browser() as browser:
        opened(browser)
        browser.until("document.querySelectorAll('.node.target').length === 55")
        assert len(browser.texts(".cell")) == 55
        for width in (1280, 800):
            browser.size(width, 900)
            fits(browser)
        tall = browser.run("document.querySelector('#drawing').getBoundingClientRect().height")
        assert tall < 3000, tall
        is_harmless(browser)


def clients():
    """The test's client is connected, and says that it acts for users 1001 and 1002."""
    with Browser() as browser:
        opened(browser)
        row = "document.querySelector('#clients tbody tr')"
        browser.until(row)
        shown = browser.texts("#clients tbody td")
        assert shown[0].startswith("<img src=x onerror='window.hostile=1'>"), shown
        assert shown[1].startswith("This machine\n127.0.0.1:"), shown
        assert shown[2].startswith("localefs\n172.31."), shown
        users = dict(one.split(" \u00d7") for one in shown[3].split(", "))
        assert {"1001:2001", "1002:2002"} <= users.keys(), shown
        assert all(int(calls) > 0 for calls in users.values()), shown
        # Once there are two pictures.
        browser.until(f"Number({row}.cells[4].textContent.replace(',', '')) > 0")
        is_legible(browser)
        is_harmless(browser)


def beyond():
    """An API that others than this machine can reach, in a network of its own, where there is nobody
    else: the network is shown to the root user alone, whose key the page takes and keeps to itself."""
    if "INSIDE" not in os.environ:
        inside = 'ip link set lo up && exec "$@"'
        command = ["unshare", "--net", "sh", "-c", inside, "sh", sys.executable, "-B", *sys.argv]
        subprocess.run(command, check=True, env={**os.environ, "INSIDE": "1"})
        return
    global URL, PAGE
    server = subprocess.Popen([
        os.environ["LOCALEFS_BIN"], "serve", "--ephemeral", "--listen", "127.0.0.1:0",
        "--api", "0.0.0.0:0", "--mount-target-port", "0", "--ready-file", "beyond",
        "--root-credentials", "ROOTKEY:s3cret/+",
    ])
    try:
        until(lambda: os.path.exists("beyond"))
        with open("beyond") as ready:
            URL = "http://127.0.0.1:" + json.load(ready)["api"].rsplit(":")[-1]
        PAGE = URL + "/_localefs/console"
        assert ask("GET", "/_localefs/overview")[0].status == 403
        with Browser() as browser:
            browser.open(PAGE)
            browser.until("!document.querySelector('#key').hidden")
            assert "There is no instance yet." not in browser.text()

            def signs(secret):
                for field, text in (("key-id", "ROOTKEY"), ("secret", secret)):
                    browser.run(f"document.querySelector('#{field}').value = {json.dumps(text)}")
                browser.click("#credentials .ask")

            signs("wrong")
            browser.until("document.querySelector('#key-answer').textContent.includes('root user')")
            signs("s3cret/+")
            browser.until("document.querySelector('#live').textContent === 'Live'")
            assert browser.run("document.querySelector('#key').hidden")
            browser.click(".node.source")
            browser.click(".node.target")
            browser.until("document.querySelector('#layers')")
            assert browser.text(".verdict") == "\u2713 Allowed"
            # Nothing of the key is kept or sent.
            assert browser.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
            assert not any("s3cret" in url for url in browser.requests)
            browser.errors = [one for one in browser.errors if "403" not in str(one)]
            is_legible(browser)
            is_harmless(browser)
    finally:
        server.terminate()
        server.wait()


def guarded():
    """No other page gets the console's data, or asks in its name."""
    host = urlsplit(URL).netloc
    for path in ("console", "overview"):
        answer, body = ask("GET", f"/_localefs/{path}", Host=host)
        assert answer.status == 200 and body, path
        for headers in (
            {"Host": "evil.example"},
            {"Host": host, "Origin": "http://evil.example"},
            {"Host": host, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
            {"Host": host, "Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate",
             "Sec_Fetch_Dest": "iframe"},
        ):
            assert ask("GET", f"/_localefs/{path}", **headers)[0].status == 403, (path, headers)
    answer, body = ask("GET", "/_localefs/console")
    policy = answer.getheader("Content-Security-Policy")
    for word in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'",
                 "require-trusted-types-for 'script'"):
        assert word in policy, policy
    assert "unsafe" not in policy and "*" not in policy, policy
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Access-Control-Allow-Origin") is None
    assert ask("POST", "/_localefs/overview")[0].status == 404
    assert ask("GET", "/", Accept="*/*")[0].status == 404

    # A real browser on a real page of another port.
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body>elsewhere")

        def log_message(self, *_):
            pass

    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    with Browser() as browser:
        browser.open(f"http://127.0.0.1:{elsewhere.server_port}/")
        browser.until("document.title === 'elsewhere'")
        for path in ("overview", "explain", "console"):
            method = "POST" if path == "explain" else "GET"
            got = browser.run(
                f"fetch('{URL}/_localefs/{path}', {{method: '{method}'}})"
                ".then((answer) => answer.text(), (error) => 'nothing')"
            )
            assert got == "nothing", got
        # What may not be framed does not show; its window has no way in.
        browser.run(f"""new Promise((done) => {{
            const frame = document.createElement('iframe');
            frame.onload = done;
            frame.src = '{PAGE}';
            document.body.append(frame);
        }}).then(() => 1)""")
        assert browser.run("document.querySelector('iframe').contentDocument") is None
        opened(browser)
    elsewhere.shutdown()


main(globals())
