#!/usr/bin/env bash
# What kubectl is used for, against KUBECONFIG. usage: kubectl.sh SCRATCH
set -euo pipefail
scratch=$1
check() { # WHAT EXPECTED FOUND
  if [ "$2" != "$3" ]; then printf 'kubectl %s: expected %q, found %q\n' "$1" "$2" "$3" >&2; exit 1; fi
  echo "ok: $1"
}
kubectl version -o json | python3 -c 'import json, sys; print("kubectl", json.load(sys.stdin)["clientVersion"]["gitVersion"])'

cat > "$scratch/objects.yaml" <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Pod
metadata: {name: box, labels: {app: box}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: registry.example/tools:1
      command: [/bin/sh, -c, "for i in 1 2 3; do echo line $i; done; sleep 600"]
YAML
kubectl apply -f "$scratch/objects.yaml" > /dev/null
sed -i 's/, b: "2"//' "$scratch/objects.yaml"
check apply 'configmap/settings configured pod/box unchanged' "$(kubectl apply -f "$scratch/objects.yaml" | xargs)"
check get '{"a":"1"}' "$(kubectl get configmap settings -o 'jsonpath={.data}')"
check wait 'pod/box condition met' "$(kubectl wait --for=condition=Ready pod/box --timeout=20s)"
check 'get table' 'box 1/1 Running 0' "$(kubectl get pods box --no-headers | awk '{print $1, $2, $3, $4}')"
kubectl describe pod box > "$scratch/described"
check describe 'Started' "$(grep -o Started "$scratch/described" | tail -1)"
check exec 'in and out' "$(echo 'in and out' | kubectl exec -i box -- cat)"
code=0
kubectl exec box -- /bin/sh -c 'exit 7' 2> /dev/null || code=$?
check 'exec status' 7 "$code"
head -c 5000000 /dev/urandom > "$scratch/there"
kubectl cp "$scratch/there" box:/tmp/longshore-client-test 2> /dev/null
kubectl cp box:/tmp/longshore-client-test "$scratch/back" 2> /dev/null
kubectl exec box -- rm /tmp/longshore-client-test
check cp "$(sha256sum < "$scratch/there")" "$(sha256sum < "$scratch/back")"
check logs 'line 1 line 2 line 3' "$(kubectl logs box | xargs)"
check 'logs -f' 'line 3' "$(timeout 3 kubectl logs -f box 2> /dev/null | tail -1 || true)"
kubectl create job once --image=registry.example/tools:1 -- /bin/sh -c 'echo done' > /dev/null
check 'wait job' 'job.batch/once condition met' "$(kubectl wait --for=condition=complete job/once --timeout=20s)"
check 'logs job' done "$(kubectl logs -f job/once)"
check 'auth can-i' yes "$(kubectl auth can-i create pods/exec)"
kubectl create serviceaccount nobody > /dev/null
token=$(kubectl create token nobody)
# Without its client's own credentials: a token of the kubeconfig would win.
check 'auth can-i, denied' no "$(kubectl auth can-i list pods --as=system:serviceaccount:default:nobody || true)"
check 'create token' 3 "$(tr '.' '\n' <<< "$token" | wc -l)"
check explain 'restartPolicy <string>' "$(kubectl explain pod.spec.restartPolicy | sed -n 's/^FIELD: //p')"
check delete 'pod box deleted' "$(kubectl delete pod box | tr -d '"' | sed 's/ from .*//')"
