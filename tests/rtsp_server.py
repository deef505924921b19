"""A real RTSP server (GStreamer's) for the stories: python3 rtsp_server.py PORT CLIP [--user NAME:PASSWORD]

Serves the H.264 clip in a loop at /live, and at /locked with basic authentication when --user is given. Prints
"ready" once it listens. Runs under Debian's own python3, which has the GObject bindings.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def annexb(clip):
    """The clip's H.264 stream with start codes, for multifilesrc."""
    out = tempfile.NamedTemporaryFile(suffix=".h264", delete=False)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", clip, "-an", "-c", "copy",
                    "-bsf:v", "h264_mp4toannexb", "-f", "h264", out.name], check=True)
    return out.name


def factory(stream, fps):
    made = GstRtspServer.RTSPMediaFactory()
    made.set_shared(True)
    made.set_launch(f"( multifilesrc location={stream} loop=true "
                    f"caps=video/x-h264,stream-format=byte-stream,framerate={fps}/1 "
                    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
    return made


def lock(server, made, user):
    name, password = user.split(":", 1)
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
    server.set_auth(auth)
    made.add_role_from_structure(Gst.Structure.new_from_string(
        f"viewer, {GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS}=(boolean)true, "
        f"{GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT}=(boolean)true"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("clip")
    parser.add_argument("--fps", default="12")
    parser.add_argument("--user")
    args = parser.parse_args()
    Gst.init(None)
    stream = annexb(args.clip)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(args.port)
    made = factory(stream, args.fps)
    if args.user:
        lock(server, made, args.user)
    server.get_mount_points().add_factory("/live", made)
    if server.attach(None) == 0:
        sys.exit("the port is taken")
    print("ready", flush=True)
    try:
        GLib.MainLoop().run()
    finally:
        os.unlink(stream)


if __name__ == "__main__":
    main()
