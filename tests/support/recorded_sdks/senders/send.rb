# Sends the samples with CloudEvents' Ruby SDK, over Net::HTTP as its documentation does. -I names its folder `lib`.
require "cloud_events"
require "json"
require "net/http"

address, samples = ARGV
binding = CloudEvents::HttpBinding.default
events = JSON.parse(File.read(samples)).map do |sample|
  attributes = { "specversion" => "1.0", "datacontenttype" => "application/json" }
  attributes = attributes.merge(sample["attributes"], sample["extensions"])
  event = CloudEvents::Event.create(spec_version: "1.0", attributes: attributes.merge("data" => sample["data"]))
  { "binary" => false, "structured" => true }.each do |mode, structured|
    headers, body = binding.encode_event(event, structured_format: structured)
    Net::HTTP.post(URI("#{address}/#{mode}/#{sample['name']}"), body, headers)
  end
  event
end
headers, body = binding.encode_event(events, structured_format: true)
Net::HTTP.post(URI("#{address}/batch/all"), body, headers)
