// What the app has come by, as JSON for whoever looks: the launch context, the person, and what it may read.
const tell = (told) => {
  document.getElementById("told").textContent = JSON.stringify(told, null, 1);
};
FHIR.oauth2
  .ready()
  .then(async (client) => {
    const told = {
      patient: client.patient.id,
      user: client.getFhirUser(),
      scope: client.state.tokenResponse.scope,
      intent: client.state.tokenResponse.intent,
      context: client.state.tokenResponse.fhirContext,
      refreshable: Boolean(client.state.tokenResponse.refresh_token),
    };
    told.name = (await client.patient.read()).name[0].family;
    const found = await client.patient.request("Condition");
    told.conditions = (found.entry || []).map((item) => item.resource.subject.reference);
    told.goals = await client.request("Goal").then((bundle) => bundle.total, (error) => error.status);
    if (told.refreshable) {
      const before = client.state.tokenResponse.access_token;
      await client.refresh();
      told.refreshed = client.state.tokenResponse.access_token !== before && (await client.patient.read()).id === told.patient;
    }
    tell(told);
  })
  .catch((error) => tell({ error: error.message }));
