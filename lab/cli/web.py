"""`lab web`: the app in a browser."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.values import port
from lab.errors import LabError

commands = Declarations("Project")


@commands.add(
    "web",
    help="the app in a browser on this machine, for whoever has the printed address",
    example="lab web --open",
    arguments=(
        argument("--port", metavar="N", type=port, default=0, help="the port (default: 8717, or a free one)"),
        argument("--readonly", action="store_true", help="without the keys that change anything"),
        argument("--open", action="store_true", help="open the browser as well"),
    ),
)
def web(context: Context, args: Namespace) -> int:
    out = context.out

    def tell(address: str, port: int) -> None:
        if out.json:
            out.document({"url": address, "port": port, "readonly": args.readonly})
        else:
            out.line(address)
            out.say("Ctrl-C ends it; whoever has the address can do all that you can")
        out.flush()

    if context.open_web is None:
        raise LabError("there is no browser's app here", "start it as the program lab")
    context.open_web(context.home, context.folder, port=args.port, read_only=args.readonly, browse=args.open, tell=tell)
    return 0
