# SPDX-License-Identifier: MIT
"""Part of badreg.py: registries that ask for logins, and the token server they name.

What a registry asks for is the name of its repository, auth-...; what the token server does follows
from the scope it is asked for. A login is teacher:s3cret, an identity token is R1.
"""
import base64
import json
import threading
import time
import urllib.parse


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


LOGIN = basic("teacher", "s3cret")
lock = threading.Lock()
issued = {}  # repository -> how many tokens
uses = {}  # token -> how often it was used


class Auth:
    """For a handler with answer(), error(), count() and self.ports."""

    def auth_handles(self, path):
        """True if the request has been answered."""
        if path in ("/v2/", "/token", "/token2") and self.auth_scope() is not None:
            getattr(self, "auth_ping" if path == "/v2/" else "auth_token")()
            return True
        return self.repo.startswith("auth-") and self.auth_refuses()

    def auth_scope(self):
        """The repository that a token is asked for; "" for the host, None if it is not for us."""
        if self.path == "/v2/":
            return ""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        query.update(urllib.parse.parse_qs(self.form))
        if query.get("service") == ["host"]:
            return "" if "scope" not in query else "a scope for nothing"
        repo = query.get("scope", ["::"])[0].split(":")[1]
        return repo if repo.startswith("auth-") else None

    def auth_error(self, status, code, text):
        """As RFC 6749 has them."""
        self.answer(status, json.dumps({"error": code, "error_description": text}).encode(),
                    Content_Type="application/json")

    def auth_issue(self, repo, **more):
        with lock:
            issued[repo] = issued.get(repo, 0) + 1
            token = f"{repo}.{issued[repo]}"
        self.answer(200, json.dumps({"access_token": token, **more}).encode())

    # ---- token server ----

    def auth_token(self):
        repo, got = self.auth_scope(), self.headers.get("Authorization")
        if self.command == "POST":
            return self.auth_token_post(repo)
        if repo == "":
            if got != LOGIN:
                return self.answer(401, b'{"details":"incorrect username or password"}')
            return self.answer(200, b'{"token":"hosttoken"}')
        if repo == "auth-nopost" and got in (basic("<token>", "R1"), basic("acr", "R1")):
            return self.auth_issue(repo)
        if repo in ("auth-identity", "auth-nopost", "auth-rotate") or got not in (None, LOGIN):
            return self.auth_error(401, "invalid_client", "I do not believe you")
        if repo == "auth-brief":
            return self.auth_issue(repo, expires_in=1)
        if repo == "auth-ngc" and not got:
            return self.answer(200, b'{"token":"anonymous"}')
        return self.auth_issue(repo)

    def auth_token_post(self, repo):
        form = dict(urllib.parse.parse_qsl(self.form))
        if repo == "auth-nopost":
            return self.answer(404)
        if repo == "auth-post-there":
            return self.answer(307, Location=f"http://127.0.0.1:{self.ports[1]}/token")
        if repo.startswith("auth-post-") and self.path == "/token":
            return self.answer(307 if repo == "auth-post-here" else 302, Location="/token2")
        with lock:
            n = issued.get(repo, 0)
        want = f"R{n + 1}" if repo == "auth-rotate" else "R1"
        if (form.get("grant_type"), form.get("client_id")) != ("refresh_token", "imgfetch"):
            return self.auth_error(400, "invalid_request", "what do you want?")
        if form.get("refresh_token") != want:
            return self.auth_error(400, "invalid_grant",
                                   f"token {form.get('refresh_token')} has been revoked")
        self.auth_issue(repo, **({"refresh_token": f"R{n + 2}"} if repo == "auth-rotate" else {}))

    # ---- registry ----

    def auth_ping(self):
        if self.headers.get("Authorization") == "Bearer hosttoken":
            return self.answer(200, b"{}")
        self.error(401, "UNAUTHORIZED", "log in", WWW_Authenticate=(
            f'Bearer realm="http://127.0.0.1:{self.ports[0]}/token",service="host",'
            'scope="repository:user/image:pull"'))

    def auth_refuses(self):
        """True if the request was refused."""
        repo, got = self.repo, self.headers.get("Authorization") or ""
        realm = f"http://127.0.0.1:{self.ports[0]}/token"
        bearer = f'Bearer realm="{realm}",service="test",scope="repository:{repo}:pull"'
        if repo == "auth-direct":
            good = got == "Bearer DIRECT"
        elif repo == "auth-norealm":
            good, bearer = got == LOGIN, 'Bearer service="nothing", Basic realm="here"'
        elif repo in ("auth-never", "auth-echo", "auth-led"):
            good = False
        else:
            good = got.startswith(f"Bearer {repo}.")
        if good and self.auth_is_used_up(got):
            good = False
            bearer += ',error="invalid_token"'
        if repo == "auth-brief" and good and self.command == "HEAD":
            time.sleep(1.2)  # longer than the token lives; it is still taken
        if good:
            return False
        if repo == "auth-both":
            # In two headers, each with what confuses splitting at commas.
            self.send_response(401)
            self.send_header("WWW-Authenticate", r'Basic realm="a, Bearer realm=\"http://x/\", b"')
            self.send_header("www-authenticate", f'bEaReR  SERVICE = "te,st" , ReAlm="{realm}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return True
        if repo == "auth-led" and got:  # to a place that is called as the login is
            self.answer(307, Location=f"http://127.0.0.1:1/{got[len('Basic '):]}/")
            return True
        if repo in ("auth-echo", "auth-led"):
            self.error(401, "UNAUTHORIZED", f"got {got}", WWW_Authenticate='Basic realm="x"')
            return True
        self.error(401, "UNAUTHORIZED", "you, s3cret? go away", WWW_Authenticate=bearer)
        return True

    def auth_is_used_up(self, got):
        """Tokens that end in the middle of a pull."""
        most = {"auth-expire": 6, "auth-rotate": 2, "auth-once": 1}.get(self.repo)
        with lock:
            uses[got] = uses.get(got, 0) + 1
            if self.repo == "auth-resume" and "/blobs/" in self.path:
                # The first one ends with the first transfer that broke off.
                return got.endswith(".1") and uses.setdefault("auth-resume cut", 0) > 0
            return most is not None and uses[got] > most

    def auth_blob(self, data):
        """True if a blob was answered in a way of ours."""
        if self.repo not in ("auth-resume", "auth-once") or len(data) <= 65536:
            return False
        begin, half = self.range_start(), len(data) // 2
        if self.repo == "auth-once" and 0 < begin <= half:
            self.answer(206, data[begin:-1000], len(data) - begin,
                        Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.close_connection = True  # and not rudely: all of it arrives
            return True
        if begin:
            self.answer(206, data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
            return True
        with lock:
            uses["auth-resume cut"] = 1
        self.answer(200, data[:half], len(data))
        self.close_connection = True
        return True
