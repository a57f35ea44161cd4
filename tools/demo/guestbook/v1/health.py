"""Asks the guestbook on port $PORT how it is: prints what it answers, and exits with 1 unless it is well."""

import http.client
import os
import sys


def main() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=3)
    try:
        connection.request("GET", "/health")
        reply = connection.getresponse()
        text = reply.read(1000).decode()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"no answer: {error}")
    if reply.status != http.client.OK:
        sys.exit(text.strip())
    print(text, end="")


if __name__ == "__main__":
    main()
