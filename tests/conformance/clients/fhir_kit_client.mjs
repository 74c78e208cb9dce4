// Walks the API with fhir-kit-client: one line of JSON for each step, in the order of the test that starts it.
// node fhir_kit_client.mjs <path of the package> <base> <token> <patient id>
const [, , place, baseUrl, token, patient] = process.argv;
const { Client, CapabilityTool } = await import(place);
const client = new Client({ baseUrl, bearerToken: token });

async function step(name, act) {
  let told;
  try {
    told = { step: name, answer: await act() };
  } catch (error) {
    told = { step: name, error: String(error), status: error.response?.status, outcome: error.response?.data };
  }
  console.log(JSON.stringify(told));
  return told.answer;
}

const person = {
  resourceType: 'Patient',
  name: [{ family: 'Kittelsen', given: ['Prøve'] }],
  gender: 'female',
  birthDate: '1961-04-02',
};
const status = (answer) => Client.httpFor(answer).response.status;
const header = (answer, name) => Client.httpFor(answer).response.headers.get(name);

await step('capabilityStatement', async () => {
  const statement = await client.capabilityStatement();
  const tool = new CapabilityTool(statement);
  return {
    fhirVersion: statement.fhirVersion,
    transaction: tool.serverCan('transaction'),
    create: tool.resourceCan('Patient', 'create'),
    birthdate: tool.resourceSearch('Patient', 'birthdate'),
  };
});

const created = await step('create', () => client.create({ resourceType: 'Patient', body: person }));
const id = created?.id;
await step('create returning nothing', async () => {
  const answer = await client.create({
    resourceType: 'Basic',
    body: { resourceType: 'Basic', code: { text: 'kit' } },
    options: { headers: { Prefer: 'return=minimal' } },
  });
  return { status: status(answer), location: header(answer, 'location'), body: Object.keys(answer) };
});
await step('read', () => client.read({ resourceType: 'Patient', id }));
await step('update', () =>
  client.update({ resourceType: 'Patient', id, body: { ...created, birthDate: '1961-04-03' } }));
await step('update of an older version', () =>
  client.update({
    resourceType: 'Patient',
    id,
    body: created,
    options: { headers: { 'If-Match': 'W/"1"' } },
  }));
await step('vread', () => client.vread({ resourceType: 'Patient', id, version: '1' }));
await step('patch', () =>
  client.patch({
    resourceType: 'Patient',
    id,
    jsonPatch: [
      { op: 'test', path: '/gender', value: 'female' },
      { op: 'add', path: '/name/0/given/-', value: 'Mia' },
    ],
  }));
await step('history', () => client.history({ resourceType: 'Patient', id }));
await step('history of a type', () => client.history({ resourceType: 'Basic' }));
await step('history of all', () => client.history());
await step('search', () =>
  client.search({ resourceType: 'Patient', searchParams: { family: 'Kittelsen', birthdate: '1961-04-03' } }));
await step('search by post', () =>
  client.search({
    resourceType: 'Patient',
    searchParams: { family: 'Kittelsen' },
    options: { postSearch: true },
  }));
await step('search of all', () => client.search({ searchParams: { _type: 'Patient,Practitioner', _count: '5' } }));
await step('search of a compartment', () =>
  client.search({ resourceType: 'Condition', compartment: { resourceType: 'Patient', id: patient } }));
await step('pages', async () => {
  const found = [];
  let bundle = await client.search({ resourceType: 'Patient', searchParams: { _count: '7' } });
  while (bundle) {
    found.push((bundle.entry ?? []).map((entry) => entry.resource.id));
    bundle = await client.nextPage({ bundle });
  }
  return found;
});
await step('resolve', async () => {
  const found = await client.search({
    resourceType: 'Condition',
    searchParams: { patient: `Patient/${patient}`, _count: '1' },
  });
  return client.resolve({ reference: found.entry[0].resource.subject.reference });
});
await step('batch', () =>
  client.batch({
    body: {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: `Patient/${id}` } },
        { request: { method: 'GET', url: 'Patient/nobody-of-that-name' } },
        { request: { method: 'GET', url: `Observation?patient=${patient}&_count=2` } },
      ],
    },
  }));
await step('transaction', () =>
  client.transaction({
    body: {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: 'urn:uuid:1b0f8a1e-5a3e-4b7c-9d0e-0a1b2c3d4e5f',
          resource: { resourceType: 'Practitioner', name: [{ family: 'Kittelsen' }] },
          request: { method: 'POST', url: 'Practitioner' },
        },
        {
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'weight' },
            subject: { reference: `Patient/${id}` },
            performer: [{ reference: 'urn:uuid:1b0f8a1e-5a3e-4b7c-9d0e-0a1b2c3d4e5f' }],
          },
          request: { method: 'POST', url: 'Observation' },
        },
      ],
    },
  }));
await step('conditional update', () =>
  client.update({
    resourceType: 'Practitioner',
    searchParams: { identifier: 'urn:test|kit' },
    body: { resourceType: 'Practitioner', identifier: [{ system: 'urn:test', value: 'kit' }] },
  }));
await step('operation on one', () =>
  client.operation({ name: 'everything', resourceType: 'Patient', id, method: 'GET' }));
await step('operation by post', () =>
  client.operation({
    name: '$everything',
    resourceType: 'Patient',
    id,
    input: { resourceType: 'Parameters', parameter: [{ name: '_type', valueString: 'Observation' }] },
  }));
await step('validate', () => client.operation({ name: 'validate', resourceType: 'Patient', input: person }));
await step('not valid', () => client.create({ resourceType: 'Patient', body: { ...person, gender: 'tree' } }));
const gone = await step('create to delete', () =>
  client.create({ resourceType: 'Basic', body: { resourceType: 'Basic', code: { text: 'gone' } } }));
await step('delete', async () => status(await client.delete({ resourceType: 'Basic', id: gone.id })));
await step('read what was deleted', () => client.read({ resourceType: 'Basic', id: gone.id }));
