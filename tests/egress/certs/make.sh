#!/usr/bin/env bash
# Makes the certificates of the TLS tests again. They guard nothing: their keys are public. They end in a hundred years.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# sign NAME SUBJECT CA EXTENSIONS...
sign() {
  local name=$1 subject=$2 ca=$3
  shift 3
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -subj "/CN=$subject" -out request.csr
  openssl x509 -req -in request.csr -CA "$ca.pem" -CAkey "$ca.key" -days 36500 -out "$name.pem" \
    -extfile <(printf '%s\n' 'basicConstraints=critical,CA:FALSE' "$@")
  rm request.csr
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 36500 \
  -subj '/CN=Test authority' -addext 'keyUsage=critical,keyCertSign,cRLSign'
sign server 'Test target' ca 'subjectAltName=DNS:target.test,DNS:proxy.test,IP:127.0.0.1' 'extendedKeyUsage=serverAuth'
sign renewed 'Test target' ca 'subjectAltName=DNS:target.test,IP:127.0.0.1' 'extendedKeyUsage=serverAuth'
sign client 'Test hub' ca 'subjectAltName=DNS:hub.test' 'extendedKeyUsage=clientAuth'
# With an end that tests can name, and no authority.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ending.key -subj '/CN=localhost' -out request.csr
: >index.txt
openssl ca -selfsign -batch -notext -keyfile ending.key -in request.csr -out ending.pem -startdate 20261101000000Z -enddate 20261209000000Z \
  -create_serial -rand_serial -outdir . -md sha256 -config <(printf '%s\n' '[ca]' 'default_ca = own' '[own]' 'database = index.txt' 'serial = index.serial' 'policy = any' 'x509_extensions = plain' \
    '[any]' 'commonName = supplied' '[plain]' 'subjectAltName = DNS:localhost,IP:127.0.0.1')
rm request.csr index.* ./[0-9A-F]*.pem
rm ca.key ./*.srl 2>/dev/null || true
