"""The Python client against KUBECONFIG: list, watch, exec, port-forward."""
import os
import time

import kubernetes
from kubernetes import client, config, watch
from kubernetes.stream import portforward, stream

print("python kubernetes", kubernetes.__version__)
config.load_kube_config(os.environ["KUBECONFIG"])
core = client.CoreV1Api()


def check(what, expected, found):
    assert expected == found, f"{what}: expected {expected!r}, found {found!r}"
    print("ok:", what)


serve = ("import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 8080)); "
         "s.listen()\nwhile True:\n c, _ = s.accept(); c.sendall(b'got ' + c.recv(100)); c.close()")
pod = client.V1Pod(
    metadata=client.V1ObjectMeta(name="python", labels={"made": "by-python"}),
    spec=client.V1PodSpec(restart_policy="Never", termination_grace_period_seconds=1, containers=[
        client.V1Container(name="main", image="registry.example/tools:1", command=["python3", "-c", serve],
                           ports=[client.V1ContainerPort(container_port=8080)])]))
seen = []
core.create_namespaced_pod("default", pod)
for event in watch.Watch().stream(core.list_namespaced_pod, "default", label_selector="made=by-python", timeout_seconds=20):
    seen.append(event["type"])
    if event["object"].status.phase == "Running":
        break
check("watch", "ADDED", seen[0])
check("list", ["python"], [one.metadata.name for one in core.list_namespaced_pod("default", label_selector="made=by-python").items])
answer = stream(core.connect_get_namespaced_pod_exec, "python", "default", command=["/bin/sh", "-c", "echo out; echo err >&2"],
                stderr=True, stdin=False, stdout=True, tty=False)
check("exec", ["err", "out"], sorted(answer.split()))
session = stream(core.connect_get_namespaced_pod_exec, "python", "default", command=["/bin/sh", "-c", "read line; echo \"$line\"; exit 3"],
                 stderr=True, stdin=True, stdout=True, tty=False, _preload_content=False)
session.write_stdin("hello\n")
session.run_forever(timeout=10)
check("exec stdin", "hello\n", session.read_stdout())
check("exec status", 3, session.returncode)
for _ in range(50):
    try:
        socket = portforward(core.connect_get_namespaced_pod_portforward, "python", "default", ports="8080").socket(8080)
        socket.setblocking(True)
        socket.settimeout(5)
        socket.sendall(b"something")
        found = socket.recv(100)
        if found:
            break
    except OSError:
        pass
    time.sleep(0.1)
check("port-forward", b"got something", found)
core.delete_namespaced_pod("python", "default")
