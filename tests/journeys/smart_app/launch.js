// The whole of what an app does to be launched: the client reads iss and launch of the address, or takes iss as given.
const asked = new URLSearchParams(location.search);
FHIR.oauth2
  .authorize({
    clientId: asked.get("client") || sessionStorage.getItem("client"),
    scope: asked.get("scope") || "launch openid fhirUser patient/Patient.rs patient/Condition.rs patient/Observation.rs",
    redirectUri: "index.html",
    iss: asked.get("iss"),
    pkceMode: "required",
  })
  .catch((error) => {
    document.getElementById("told").textContent = "Fejl: " + error.message;
  });
