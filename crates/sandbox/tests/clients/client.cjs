// The JavaScript client against KUBECONFIG: list, watch, exec, port-forward.
const path = require('path');
const net = require('net');
const { PassThrough } = require('stream');

const check = (what, expected, found) => {
  if (JSON.stringify(expected) !== JSON.stringify(found)) throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  console.log('ok:', what);
};
const collect = (stream) => { const chunks = []; stream.on('data', (chunk) => chunks.push(chunk)); return () => Buffer.concat(chunks).toString(); };

async function main() {
  const root = path.join(process.env.NODE_PATH, '@kubernetes', 'client-node');
  const k8s = await import(path.join(root, 'dist', 'index.js'));
  console.log('javascript client-node', require(path.join(root, 'package.json')).version);
  const config = new k8s.KubeConfig();
  config.loadFromDefault();
  const core = config.makeApiClient(k8s.CoreV1Api);
  const serve = "import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 8081)); s.listen()\nwhile True:\n c, _ = s.accept(); c.sendall(b'got ' + c.recv(100)); c.close()";
  const pod = {
    metadata: { name: 'javascript', labels: { made: 'by-javascript' } },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'registry.example/tools:1', command: ['python3', '-c', serve], ports: [{ containerPort: 8081 }] }] },
  };
  const events = [];
  const running = new Promise((resolve, reject) => {
    new k8s.Watch(config).watch('/api/v1/namespaces/default/pods', { labelSelector: 'made=by-javascript' }, (type, object) => {
      events.push(type);
      if (object.status.phase === 'Running') resolve();
    }, (error) => error && reject(error)).then((request) => running.finally(() => request.abort()).catch(() => {}));
  });
  await core.createNamespacedPod({ namespace: 'default', body: pod });
  await running;
  check('watch', 'ADDED', events[0]);
  const list = await core.listNamespacedPod({ namespace: 'default', labelSelector: 'made=by-javascript' });
  check('list', ['javascript'], list.items.map((one) => one.metadata.name));
  const input = new PassThrough();
  const output = new PassThrough();
  const text = collect(output);
  const status = await new Promise((resolve, reject) => {
    new k8s.Exec(config).exec('default', 'javascript', 'main', ['/bin/sh', '-c', 'cat; exit 4'], output, new PassThrough(), input, false, resolve).catch(reject);
    input.end('through\n');
  });
  check('exec stdin', 'through\n', text());
  check('exec status', '4', status.details.causes.find((cause) => cause.reason === 'ExitCode').message);
  const forward = new k8s.PortForward(config);
  const server = net.createServer((socket) => { forward.portForward('default', 'javascript', [8081], socket, null, socket); });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  let found = '';
  for (let attempt = 0; attempt < 50 && !found; attempt++) {
    found = await new Promise((resolve) => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write('something'));
      socket.on('data', (chunk) => { resolve(chunk.toString()); socket.destroy(); });
      socket.on('close', () => resolve(''));
      socket.on('error', () => resolve(''));
      setTimeout(() => resolve(''), 2000).unref();
    });
  }
  check('port-forward', 'got something', found);
  server.close();
  await core.deleteNamespacedPod({ name: 'javascript', namespace: 'default' });
  process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
