"""Firefox without geckodriver, which Debian does not have: Selenium speaks to the browser's own Marionette.

A command of WebDriver has nearly the same form there, as JSON behind its length on a socket.
"""

import json
import socket
import subprocess
import time

from conftest import PATIENCE, program
from selenium.webdriver import Remote
from selenium.webdriver.firefox.options import Options

COMMANDS = {
    "newSession": "WebDriver:NewSession",
    "get": "WebDriver:Navigate",
    "getCurrentUrl": "WebDriver:GetCurrentURL",
    "setWindowRect": "WebDriver:SetWindowRect",
    "findElement": "WebDriver:FindElement",
    "findElements": "WebDriver:FindElements",
    "clickElement": "WebDriver:ElementClick",
    "sendKeysToElement": "WebDriver:ElementSendKeys",
    "getElementText": "WebDriver:GetElementText",
    "isElementEnabled": "WebDriver:IsElementEnabled",
    "w3cExecuteScript": "WebDriver:ExecuteScript",
    "w3cExecuteScriptAsync": "WebDriver:ExecuteAsyncScript",
    "setTimeouts": "WebDriver:SetTimeouts",
    "switchToFrame": "WebDriver:SwitchToFrame",
    "actions": "WebDriver:PerformActions",
    "screenshot": "WebDriver:TakeScreenshot",
    "SET_CONTEXT": "Marionette:SetContext",
    "quit": "Marionette:Quit",
}
PREFERENCES = {  # offline, as Chromium is here: any other host is asked of a port where nobody is
    "marionette.port": 0,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
}


class Marionette:
    """The connection that Selenium's driver sends its commands through."""

    def __init__(self, profile):
        told = "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items())
        (profile / "user.js").write_text(told)
        self.browser = subprocess.Popen(
            [program("FIREFOX", "firefox-esr", "firefox"), "--headless", "--no-remote", "--profile", profile]
            + ["--marionette", "--remote-allow-system-access"],  # the latter for what the console says
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port, end = profile / "MarionetteActivePort", time.monotonic() + PATIENCE
        while not (port.exists() and port.read_text()):
            assert self.browser.poll() is None and time.monotonic() < end, "Firefox did not start"
            time.sleep(0.05)
        self.socket = socket.create_connection(("127.0.0.1", int(port.read_text())))
        self.answers = self.socket.makefile("rb")
        self.count = 0
        self._answer()  # it says hello

    def _answer(self):
        length = b""
        while not length.endswith(b":"):
            length += self.answers.read(1)
        return json.loads(self.answers.read(int(length[:-1])))

    def execute(self, command, params):
        given = {k: v for k, v in (params or {}).items() if k != "sessionId"}
        if command == "switchToFrame" and isinstance(given["id"], dict):
            given = {"element": next(iter(given["id"].values()))}
        self.count += 1
        asked = json.dumps([0, self.count, COMMANDS[command], given]).encode()
        self.socket.sendall(b"%d:%s" % (len(asked), asked))
        _, number, wrong, value = self._answer()
        assert number == self.count
        if wrong:
            return {"status": 500, "value": json.dumps({"value": wrong})}
        return {"value": value["value"] if isinstance(value, dict) and list(value) == ["value"] else value}

    def close(self):
        self.execute("quit", {"flags": ["eForceQuit"]})
        self.answers.close()
        self.socket.close()
        self.browser.wait(30)


class Firefox(Remote):
    """The driver, of a profile of its own."""

    def __init__(self, profile):
        super().__init__(Marionette(profile), options=Options())
        self.set_script_timeout(PATIENCE)

    def complaints(self):
        """What went wrong in the pages that were shown, as the console says it; Firefox's hints to their authors left out."""
        self.execute("SET_CONTEXT", {"value": "chrome"})
        try:
            return self.execute_script("""
                const own = /^(chrome|resource|jar|moz-)/, storage = Cc["@mozilla.org/consoleAPI-storage;1"];  // the browser's own
                const errors = Services.console.getMessageArray().filter(
                    m => m instanceof Ci.nsIScriptError && !(m.flags & Ci.nsIScriptError.warningFlag) && !own.test(m.sourceName));
                const events = storage.getService(Ci.nsIConsoleAPIStorage).getEvents().filter(e => !own.test(e.filename));
                const said = events.filter(e => ["error", "warn", "assert"].includes(e.level));
                return [...errors.map(String), ...said.map(e => e.arguments.map(String).join(" "))];""")
        finally:
            self.execute("SET_CONTEXT", {"value": "content"})

    def quit(self):
        self.command_executor.close()
