import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonFormat;
import java.io.File;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.OffsetDateTime;

/** Sends the samples with CloudEvents' Java SDK, over HttpURLConnection as its documentation does. */
public class Send {
    public static void main(String[] arguments) throws Exception {
        for (JsonNode sample : new ObjectMapper().readTree(new File(arguments[1]))) {
            CloudEvent event = event(sample);
            String name = sample.get("name").asText();
            for (String mode : new String[] {"binary", "structured"}) {
                HttpURLConnection connection = (HttpURLConnection)
                        URI.create(arguments[0] + "/" + mode + "/" + name).toURL().openConnection();
                connection.setRequestMethod("POST");
                connection.setDoOutput(true);
                var writer = HttpMessageFactory.createWriter(connection::setRequestProperty, body -> {
                    try {
                        connection.getOutputStream().write(body);
                    } catch (java.io.IOException error) {
                        throw new java.io.UncheckedIOException(error);
                    }
                });
                if (mode.equals("binary")) {
                    writer.writeBinary(event);
                } else {
                    writer.writeStructured(event, new JsonFormat());
                }
                connection.getResponseCode();
            }
        }
    }

    private static CloudEvent event(JsonNode sample) throws Exception {
        JsonNode attributes = sample.get("attributes");
        CloudEventBuilder builder = CloudEventBuilder.v1()
                .withId(attributes.get("id").asText())
                .withSource(URI.create(attributes.get("source").asText()))
                .withType(attributes.get("type").asText())
                .withTime(OffsetDateTime.parse(attributes.get("time").asText()))
                .withData("application/json", new ObjectMapper().writeValueAsBytes(sample.get("data")));
        if (attributes.has("subject")) {
            builder = builder.withSubject(attributes.get("subject").asText())
                    .withDataSchema(URI.create(attributes.get("dataschema").asText()));
        }
        for (var extension : sample.get("extensions").properties()) {
            JsonNode value = extension.getValue();
            if (value.isInt()) {
                builder = builder.withExtension(extension.getKey(), value.intValue());
            } else if (value.isBoolean()) {
                builder = builder.withExtension(extension.getKey(), value.booleanValue());
            } else {
                builder = builder.withExtension(extension.getKey(), value.asText());
            }
        }
        return builder.build();
    }
}
